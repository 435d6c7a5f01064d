select game_id, player_lookup, system_id, current_points_line
from {{ ref("player_prop_predictions") }}
where game_date = '{{ var("game_date") }}' and is_active
group by all
having count(*) > 1
