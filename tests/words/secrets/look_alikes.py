"""Texts that only look like secrets."""

_HEX = "0123456789abcdef0123456789abcdef"

LOOK_ALIKES = [
    line.replace("\\n", "\n")
    for line in rf"""
41f8a1c2b4d5e6f70123456789abcdef01234567
commit 41f8a1c Merge BigQuery, Firestore and Logging
3f2504e0-4f89-11d3-9a0c-0305e82c3301
run 20260117T120000Z-3fa2
sha256:{_HEX}{_HEX}
plan=3f9a1c2b4d5e-20261124T231500Z
plan digest {_HEX}
batch_2026-01-17_1768650000: 587 rows
2026-01-17T12:00:00.123456Z INFO worker-7 started
staging_20260117_120000_worker_7.parquet
token=1768650000123456
fence token=1768650000123456, seen 1768650000123455
"token": 1768650000123456
{{'token': 1768650000123456, 'holder': 'worker-7'}}
Fencing token: 17
fencing_token 1768650000123456
key=game_id
lock_key=consolidation_2026-01-17
key_columns=('game_id', 'player_lookup', 'system_id')
primary_key: game_id
primary_key=['game_id', 'player_lookup']
dedup_key = row_hash_2026
sort_key=created_at_2026
PARTITION_KEY=game_date_2026
cache_key="predictions:2026-01-17"
merge key: prediction_id_v2
duplicate keys: 41
password reset
the password reset mail was sent to bob@example.org
write to bob.smith+runbooks@example.org
no password is asked for
a token that is older: the fence refuses it
a token is not a secret
password = getpass()
password = getpass.getpass("Password: ")
password = os.environ["DB_PASSWORD"]
password = os.environ.get("DB_PASSWORD")
password=password,
password=self.password
token = get_token(path)
secret = load_secret(name)
api_key=settings.api_key
def connect(user: str, password: str, token: str | None = None) -> None:
password: SecretStr
password: None
"password": null
{{"password": "", "user": "bob"}}
password=***
password=$DB_PASSWORD
password="${{DB_PASSWORD}}"
password={{password}}
--password TEXT  The password to use.
tool --token $TOKEN
curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" https://host.example/health
docker run -u 1000:1000 image
http://localhost:8080/health?id=1@2
https://medium.com/@bob/a-post
https://host.example:8443/a/@scope/pkg@1.2.3
git@github.com:group/project.git
ssh://git@github.com/group/project.git
gs://bucket/2026-01-17/part-0.parquet
max_tokens=4096
has_password=true
password_length: 12
PASS: 12 checks
PASS=12 FAIL=0
token: expired
token: EXPIRED, credentials: Missing
the password is wrong
the token is invalid
login with -p as usual
verdict=PASS, 12 checks passed
tests passed: 12
bypass=enabled
PWD=/srv/bob/project
authorization: required
tokenizer: cl100k_base
passenger=abcdef123
secretary: bob
keyboard="abcdef123"
monkey=abcdef123
secretariat: 12
compass: 180
cookie policy
us-west2-docker.pkg.dev/x/y:z
task-2026-01-17-consolidation-batch-0001
risk-{_HEX}
![x](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)
<th>password</th>\n<th>email</th>
| user | password | email |\n|---|---|---|
user  password  email
columns: user, password, email
user,password,email
token 1768650000123456
password reset
🔒 Acquiring consolidation lock for game_date=2026-01-17, batch=20260117_120000
row_number() OVER (PARTITION BY game_id ORDER BY created_at)
""".strip().splitlines()
]
