{{ config(
    unique_key=["game_id", "player_lookup", "system_id", "current_points_line"],
    merge_exclude_columns=["created_at"],
) }}
select * from (
{% for table in var("staging_tables") %}
  select * from nba_predictions."{{ table }}" {% if not loop.last %}union all{% endif %}
{% endfor %}
)
qualify row_number() over (
    partition by game_id, player_lookup, system_id, current_points_line order by updated_at desc, created_at desc
) = 1
