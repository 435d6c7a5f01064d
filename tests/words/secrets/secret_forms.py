"""Forms of secrets, each marked by « and »."""

_KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
_ALNUM = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3"
_HEX = "0123456789abcdef0123456789abcdef"

_ADDRESSES = r"""
postgresql://app:«p@ssw0rdTail»@db.internal:5432/x
could not connect to mysql://root:«pa/ss@w/rd»@db/x?charset=utf8
redis://:«hunter2»@cache:6379/0
mongodb+srv://bob:«s3cret»@a.example,b.example/admin
amqp://guest:«gu@est»@mq:5672//
smtp://bob@example.org:«pa55»@smtp.example.org:587
https://user:«pa55word»@example.org/path/@scope/pkg
https://«0123456789abcdef0123»@o1.ingest.sentry.io/42
https://oauth2:«glpat-x0»@gitlab.example/group/project.git
'url': 'postgres://u:«p@ss/w»@h:1/x', 'next': 1
jdbc:postgresql://h/x?user=bob&password=«pa55»&ssl=true
mailto://«user:pa@ss/w@host»
mailtos://«user:pass@example.com?to=bob@example.com»
slack://«TokenA/TokenB/TokenC»
discord://«webhook_id/webhook_token»
tgram://«123456789:abcdefg_hijklmnop/12315544»
pover://«user@token»
pagerduty://«IntegrationKey@ApiKey»
opsgenie://«apikey»
ntfys://«token@host/topic»
msteams://«guid/guid/guid»
twilio://«AccountSid:AuthToken@FromPhoneNo»
https://hooks.slack.com/«services/T000/B000/XXXXxxxx»
https://discord.com/api/webhooks/«123456789/abcdef-ghij»
https://api.telegram.org/bot«123456789:AAabcdefghijklmnopqrstuvwxyz0123456»/sendMessage
https://storage.example/x?X-Goog-Signature=«0123abcd»&a=b
https://x.blob.core.windows.net/c?sv=2022&sig=«abc%2Bdef%3D»&se=2026
https://maps.example/api?key=«abcdef123456»&q=1
https://x.example/hook?a=1&amp;token=«abcdef123456»&amp;b=2
https://x.example/?access_token=«abcdef123456»#top
"""

_GIVEN = r"""
PGPASSWORD=«hunter2» psql -h db
dbPassword=«hunter2»
MYSQL_PWD=«hunter2» mysqldump x
DB_PASS=«hunter2»
DATABASE_URL=«sqlite-secret-place»
SENTRY_DSN=«abcdef@ingest»
OPENAI_KEY=«abcdef-123»
JWT=«abcdef123»
SESSION_COOKIE=«abcdef123»
GITHUB_PAT=«abcdef123»
NPM_AUTH=«abcdef123»
DJANGO_SECRET_KEY=«a$b!c^d*e(f»
export REDIS_PASSWORD="«pa55 word»"
SMTP_PASSWORD='«pa"55»'
smtp_password: «hunter2»
  password: "«hunter 2»"
password = «hunter2»
password := «hunter2»
password => '«hunter2»'
{"password": "«hunter2»", "user": "bob"}
{"db_password":"«hun\"ter2»","x":1}
{\"token\": \"«abcdef123»\", \"x\": 1}
{'api_key': '«abcdef-123»', 'x': 1}
{&quot;secret&quot;: &quot;«abcdef123»&quot;}
connect(host="h", password="«hunter2»", timeout=3)
connect(host='h', password='«hunter2»')
client = Client(api_key=f"«abcdef123»")
const apiKey = `«abcdef123»`;
let authToken: string = "«abcdef123»"
password: str = "«hunter2»"
config["password"] = "«hunter2»"
os.environ["DB_PASSWORD"] = '«hunter2»'
os.environ.get("DB_PASSWORD", "«hunter2»")
('password', '«hunter2»')
if password == "«hunter2»":
Server=db;Uid=bob;Pwd=«hun,ter2»;Database=x
Server=db;User Id=bob;Password=«hunter2»;
DefaultEndpointsProtocol=https;AccountName=x;AccountKey=«abc/def+ghi==»;EndpointSuffix=core
host=db user=bob password=«hunter2» dbname=x
User(name=bob, password=«hunter2», age=3)
{password=«hunter2», user=bob}
PASSWORD=«p@ss,w0rd;x&y»
password=«123456»
password=«hunter2».
client_secret: «abcd-efgh-1234»
aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»
spring.datasource.password=«hunter2»
my-service-token=«abcdef123»
accessToken: '«abcdef123»'
private_key_id: «abcdef123456»
- name: DB_PASSWORD\n  value: «hunter2»
{"name": "DB_PASSWORD", "value": "«hunter2»"}
<add key="ApiKey" value="«abcdef123»"/>
<property name="password" value="«hunter2»"/>
//registry.example/:_authToken=«abcdef-123»
//registry.example/:_password=«aHVudGVyMg==»
machine h login bob password «hunter2»
ALTER USER bob WITH PASSWORD '«hunter2»'
CREATE USER bob IDENTIFIED BY '«hunter2»'
**password**: «hunter2»
`password`: `«hunter2»`
DB_PASSWORD_FILE_CONTENT_SECRET=«hunter2»
DB_PASSWORD_2=«hunter2»
passphrase: «correct-horse»
webhook_url = "«https://x.example/hook/abc»"
SecretKey: «Abcdef123456»
Driver=x;UID=sa;PWD=«hunter2»;
USER=bob PASS=«hunter2» ./run
dbpass=«hunter2»
bindpw: «hunter2»
the password is «hunter2» today
token: «TOKEN-of-bob»
X-Api-Key: «abc123»
requests.get(url, auth=("bob", "«hunter2»"))
environ({'HOME': '/', 'DB_PASS': '«hunter2»', 'USER': 'bob'})
{'auth': {'user': 'bob', 'pass': '«hunter2»'}}
"""

_COMMANDS = r"""
tool --password «hunter2» --verbose
tool --password «hunter2» >out.txt
["tool --password «hunter2» --verbose", ">"]
| password | «hunter2» |, a > b
tool --password=«hunter2»
tool --token «abcdef123» run
tool --token=«abcdef123»
tool --api-key '«abcdef123»'
tool --db-password "«hun ter2»"
["tool", "--token", "«abcdef123»", "run"]
curl -u bob:«hunter2» https://x.example
curl -u 'bob:«hunter2»' https://x.example
curl --user bob:«hunter2» https://x.example
curl -H "X-Api-Key: «abcdef123»" https://x.example
curl -H 'Authorization: Bearer «abcdef.ghi-jkl»' https://x.example
mysql -h db -u root -p«hunter2» x
docker login -u bob -p «hunter2» registry.example
sshpass -p «hunter2» ssh host
redis-cli -h cache -a «hunter2» ping
"""

_HEADERS = r"""
Authorization: Basic «Ym9iOmh1bnRlcjI=»
Authorization: Bearer «abc.def-ghi»
authorization: token «abcdef123»
Authorization: ApiKey «abcdef123»
Authorization: Negotiate «YIIabcdef»
Authorization: Digest «username="bob", realm="x", response="abcdef"»
Authorization: AWS4-HMAC-SHA256 «Credential=AKIA/2026/us/s3, SignedHeaders=host, Signature=abcdef»
Proxy-Authorization: Basic «Ym9iOmh1bnRlcjI=»
{"Authorization": "Bearer «abcdef.ghi»", "Accept": "*/*"}
{'authorization': 'Basic «Ym9iOmh1bnRlcjI=»'}
("Authorization", "Bearer «abcdef.ghi»")
X-Api-Key: «abcdef123»
x-api-key: «abcdef-ghi-123»
X-Auth-Token: «abcdef123»
X-Amz-Security-Token: «IQoJb3JpZ2luX2VjEXAMPLE1»
Cookie: «sid=abcdef; theme=dark»
{'Cookie': '«sid=abcdef; theme=dark»', 'Accept': 'x'}
Set-Cookie: sid=«abcdef»; Path=/; HttpOnly
set-cookie: __Host-session=«abc%20def»
bearer «abcdefghijklmnop1234»
"""

_TABLES = r"""
<password>«hunter2»</password>
<password type="plain">«hunter2»</password>
<password><![CDATA[«hunter2»]]></password>
<ns:dbPassword>«hunter2»</ns:dbPassword>
&lt;password&gt;«hunter2»&lt;/password&gt;
<user name="bob" password="«hunter2»"/>
<td>password</td><td>«hunter2»</td>
<td>password</td>\n      <td>«hunter2»</td>
<th>DB_PASSWORD</th>\n      <td>«hunter2»</td>
<dt>API key</dt><dd>x</dd><dt>api_key</dt><dd>«abcdef123»</dd>
<b>password</b>: «hunter2»
<key>apiToken</key><string>«abcdef123»</string>
| password | «hunter2» |
| api_key  | «abcdef123» |
password | «hunter2»
0  DB_PASSWORD  «hunter2»
password    «hunter2»
api_token\t«abcdef123»
       name          value\nDB_PASSWORD «hunter2-long-1»\n     region       us-west2
0,DB_PASSWORD,«hunter2»,us-west2
│ password │ «hunter2» │
"""

_FORMATS = [
    f"push with «ghp_{_ALNUM[:36]}» failed",
    f"«github_pat_11ABCDEFG0_{_ALNUM}»",
    f"«glpat-{_ALNUM[:20]}»",
    f"«gldt-{_ALNUM[:20]}»",
    "«xoxb-1234567890-1234567890-abcdefABCDEF»",
    "«xapp-1-A0123-456-abcdef»",
    "key «AKIAIOSFODNN7EXAMPLE» is old",
    "«ASIAIOSFODNN7EXAMPLE»",
    f"«AIza{_ALNUM[:35]}»",
    "«ya29.a0AfH6SMBx-y_z0123456789»",
    f"«1//0{_ALNUM[:40]}»",
    f"«GOCSPX-{_ALNUM[:28]}»",
    f"«sk_live_{_ALNUM[:24]}»".replace("«sk_live_", "sk_live_«"),
    f"rk_test_«{_ALNUM[:24]}»",
    f"«sk-{_ALNUM[:40]}»",
    f"«sk-proj-{_ALNUM[:20]}T3BlbkFJ{_ALNUM[:20]}»",
    f"«sk-ant-api03-{_ALNUM}-AA»",
    f"«npm_{_ALNUM[:36]}»",
    f"«pypi-AgEIcHlwaS5vcmc{_ALNUM}»",
    f"«SK{_HEX}»",
    f"«AC{_HEX}»",
    f"«MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.{_ALNUM[:38]}»",
    f"abc8«Q~{_ALNUM[:34]}»",
    f"«SG.{_ALNUM[:22]}.{_ALNUM}»",
    f"got «{_JWT}»",
    f"«hf_{_ALNUM[:34]}»",
    f"«hvs.{_ALNUM[:24]}»",
    f"«dckr_pat_{_ALNUM[:27]}»",
    f"«shpat_{_HEX}»",
    f"«dop_v1_{_HEX}{_HEX}»",
    f"«key-{_HEX}»",
    f"«{_HEX}-us12»".replace(f"«{_HEX}", f"{_HEX}«"),
    f"«glsa_{_ALNUM[:32]}»",
    f"SharedAccessSignature=«sv=2022&sig={_ALNUM}»",
    f"Endpoint=sb://x;SharedAccessKey=«{_ALNUM}=»",
    f"«-----BEGIN RSA PRIVATE KEY-----\n{_KEY}\n{_KEY}+/=\n-----END RSA PRIVATE KEY-----»",
    f"«-----BEGIN PRIVATE KEY-----\n{_KEY}»",
    f"«-----BEGIN OPENSSH PRIVATE KEY-----\n{_KEY}\n-----END OPENSSH PRIVATE KEY-----»\ndone",
    f'"private_key": "«-----BEGIN PRIVATE KEY-----\\n{_KEY}\\n-----END PRIVATE KEY-----\\n»"',
]

_LINES = (_ADDRESSES, _GIVEN, _COMMANDS, _HEADERS, _TABLES)
FORMS = [
    *(line.replace(r"\n", "\n").replace(r"\t", "\t") for lines in _LINES for line in lines.strip().splitlines()),
    *_FORMATS,
]
