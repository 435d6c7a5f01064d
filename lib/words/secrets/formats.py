"""Credentials with a recognizable format, and credentials in requests and commands."""

from __future__ import annotations

import re
from base64 import b64encode

from lib.words.secrets.anchored import Kind, Span, starting
from lib.words.secrets.escapes import PLAIN_AMPERSAND, PLAIN_BACKSLASH

# Schemes of all Apprise URLs, except plain requests to a host and services on this machine.
_SCHEMES = (
    "46elks acs apprise apprises aprs atalk awswhatsapp azure bale bark barks betterstack bluesky brevo bsky"
    " bulksms bulkvs burstsms chanify clickatell clicksend cliq cm d7sms dapnet deltachat deltachats dingtalk"
    " discord dot eight00com elks emby embys enigma2 enigma2s evolution evolutions exotel fcm feishu firehydrant"
    " flock flowtriq flowtriqs fluxer fluxers freemobile gchat github goalert goalerts gorush gorushs gotify"
    " gotifys groundmail groupme guilded gupshup hassio hassios httpsms humhub humhubs ifttt ilert incidentio"
    " infobip instagram irc ircs jellyfin jellyfins jira join kakao kakaotalk kaleyra kavenegar klr kodi kodis"
    " kook kudosity kumulos lametric lametrics lark lauther lfg line mailersend mailgun mailto mailtos mastodon"
    " mastodons matrix matrixs misskey misskeys mmost mmosts mobilemessage mobilemsg msg91 msgbird ncloud nclouds"
    " nctalk nctalks nexmo nostr notica noticas notifiarr notifico notificos notifyapp notifyre ntfy ntfys o365"
    " octopush onebot onebots onesignal opsgenie opsimate opsimates pagerduty pagertree parsep parseps pbul"
    " pinglet pinglets pingram pjet pjets plivo postmark pover prowl psafer psafers push pushdeer pushdeers pushed"
    " pushme pushplus pushward pushy qq reddit resend revolt ringc rocket rockets ryver schan sendgrid sendpulse"
    " serwersms ses session sessions seven sfr signal signalgrid signals signl4 simplepush sinch slack smsc"
    " smseagle smseagles smsmanager smsmgr smstunnel smtp2go sns sogs sparkpost spike splunk spugpush spush"
    " squadcast stackfield strmlabs synology synologys telesign telnyx tgram threema toot toots trigv trigvs tweet"
    " twilio twist twitter vapid viber victorops voipms vonage webex wechat wecom wecombot whapi whatsapp workflow"
    " workflows wpush wxpusher wxteams x xbmc xbmcs xmatters youlmk zalo zcliq zohocliq zoom zulip msteams"
)
APPRISE = frozenset(_SCHEMES.split())
_SCHEME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
# A URL ends at a space, a quote, a tag, an escape for one of these, or the start of another URL.
_ADDRESS = re.compile(rf"(?:[^\s\"'<>`\\&:]++|:(?!//)|{PLAIN_AMPERSAND}|{PLAIN_BACKSLASH})*+")
_PORT = re.compile(r":\d{1,5}(?=[/?#,]|$)")
_PATH = re.compile(r"[/?#]")
_QUERY = re.compile(r"[?#]")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?=/|$)|localhost(?=[:/]|$)")
# Parts of headers and commands.
_QUOTE = r"[\"'`]"
_IS = rf"(?:{_QUOTE}?\s{{0,3}}(?:=>|[:=])|{_QUOTE}\s{{0,3}},)\s{{0,3}}(?:\[\s?)?(?:b(?=[\"']))?{_QUOTE}?"
# The rest of a header, up to the end of its line or of the enclosing text.
_REST = rf"(?:[^\r\n\"'`<>\\&]|{PLAIN_AMPERSAND}|{PLAIN_BACKSLASH})++"
_PARAMETER = r"[\w-]+=(?:\"[^\"\r\n]*\"|[^\s,\"'`<>\\]+)"
_TOKEN = rf"(?:[^\s\"'`<>\\&]|{PLAIN_AMPERSAND}|{PLAIN_BACKSLASH})++"
_NOT_YET = r"(?!\$[\w({]|\{|<|\*{3}|%s|\[)"


def _address(text: str, at: int) -> Span | None:
    """Find the secret in the URL with its ``://`` at this position: all of it for Apprise, else a password or token."""
    start = at + 3
    address = _whole(text, start)
    if _scheme(text, at) in APPRISE:
        return start, start + len(address)
    end = _end_of_user(address)
    colon = address.find(":", 0, max(end, 0))
    if colon >= 0 and not _PORT.match(address, colon):
        return start + colon + 1, start + end
    end = address.find("@") if end >= 0 else 0
    is_token = end >= 16 and not address[:end].isalpha() and _scheme(text, at) in ("http", "https")
    return (start, start + end) if is_token else None


def _scheme(text: str, at: int) -> str:
    before = text[max(0, at - 32) : at]
    return before[len(before.rstrip(_SCHEME_CHARACTERS)) :].lower()


def _whole(text: str, start: int) -> str:
    address = text[start : _ADDRESS.match(text, start).end()]  # type: ignore[union-attr]
    if text.startswith("://", start + len(address)):  # another URL
        address = address.rstrip(_SCHEME_CHARACTERS)
    return address.rstrip(".,;:)]}!")


def _end_of_user(address: str) -> int:
    """Return the position of the ``@`` before the host, or -1. A password may contain ``@`` and ``/``."""
    first = address.find("@")
    path = _PATH.search(address)
    if first < 0 or (path and path.start() < first and ":" not in address[: path.start()]):
        return -1
    if _PORT.match(address, address.find(":")):
        return -1 if path and path.start() < first else first
    query = _QUERY.search(address)
    end = address.rfind("@", 0, query.start() if query else len(address))
    # `/@scope` after a host is a path.
    while end > 0 and address[end - 1] == "/":
        earlier = address.rfind("@", 0, end)
        if earlier < 0 or not _HOST.match(address, earlier + 1, end):
            break
        end = earlier
    return end if end >= 0 else first


FORMATS = (
    Kind(("://",), _address),
    # Key blocks, including truncated ones.
    starting(
        "-----begin ----begin",
        r"-{4,5} ?BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[A-Za-z0-9+/=:,.\s]|-(?!---))*+"
        r"(?:-{4,5} ?END[A-Z0-9 ]{1,60}-{4,5})?",
    ),
    starting(
        "putty-user-key-file-", r"PuTTY-User-Key-File-\d:[^\0]{0,400}?Private-Lines: \d+((?:\s+[A-Za-z0-9+/=]{1,80})++)"
    ),
    # Google: API keys, access and refresh tokens, client secrets.
    starting("aiza", r"AIza[\w-]{20,}+"),
    starting("ya29.", r"ya29\.[\w.-]{10,}+"),
    starting("1//0", r"(?<![\w/])1//0[\w-]{20,}+"),
    starting("gocspx-", r"GOCSPX-[\w-]{10,}+"),
    # JSON web tokens, including encrypted ones.
    starting("eyj", r"(?<![\w-])eyJ[\w-]{10,}+\.[\w-]{6,}+(?:\.[\w-]*+){0,3}"),
    # Chat and paging.
    starting("xox xapp-", r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[\w-]{8,}+"),
    starting("hooks.slack", r"hooks\.slack(?:-gov)?\.com/([\w./-]{8,}+)"),
    starting("api/webhooks/", r"api/webhooks/([\w./-]{8,}+)"),
    starting(
        ".office.com/webhook .webhook.office.com/", r"(?:\.webhook)?\.office\.com/(?:webhook(?:b2)?/)?([\w./@-]{8,}+)"
    ),
    starting("logic.azure.com", r"logic\.azure\.com[^\s\"'<>?]{0,200}\?[^\s\"'<>]{0,200}?sig=([\w%.~-]+)"),
    starting("chat.googleapis.com/", r"(?i:chat\.googleapis\.com/)v1/spaces/[^\s\"'<>?]{1,99}\?([^\s\"'<>]++)"),
    starting("hooks.zapier.com/ hook.", r"(?:hooks\.zapier|hook\.(?:\w+\.)?make)\.com/([\w./-]{8,}+)"),
    starting("/bot", r"/bot(\d{6,12}:[\w-]{30,50})"),
    starting(":aa", r"(?<=\d):AA[\w-]{32,34}(?![\w-])"),
    # Discord bot tokens, which start with the bot's number in base64.
    starting(
        " ".join(b64encode(str(number).encode()).decode().lower() for number in range(100, 1000)),
        r"(?<![\w-])[MNO][A-Za-z\d]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])",
    ),
    # Code hosts and package indexes.
    starting("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{16,}+"),
    starting("github_pat_", r"github_pat_\w{20,}+"),
    starting(
        "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas- glffct-",
        r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas|ffct)-[\w.-]{16,}+",
    ),
    starting("gr1348941", r"GR1348941[\w-]{16,}+"),
    starting(
        "npm_ pypi- dckr_ rubygems_ hvs. hvb. hvr. dapi",
        r"(?<![\w-])(?:npm_[A-Za-z0-9]{30,}+|pypi-AgE[\w-]{16,}+|"
        r"dckr_(?:pat|oat)_[\w-]{20,}+|rubygems_[0-9a-f]{40,}+|hv[sbr]\.[\w-]{20,}+|dapi[0-9a-f]{32}(?:-\d)?(?!\w))",
    ),
    starting(":_authtoken= :_auth= :_password=", r":_(?:authToken|auth|password)=([^\s\"'$<>\\]{6,}+)"),
    starting("atatt atctt atbb", r"(?<!\w)AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}+"),
    # Clouds.
    starting("akia asia abia acca", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    starting(
        "accountkey= sharedaccesskey= sharedaccesssignature=",
        r"(?i:(?:account|sharedaccess)(?:key|signature)=)([^;\s\"'<>\\]{8,}+)",
    ),
    starting("q~", r"(?<=\d)Q~[\w.~-]{31,34}(?![\w.~-])"),
    starting("doo_v1_ dop_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{32,}+"),
    starting("eaaa", r"(?<![\w-])EAAA[\w-]{40,}+"),
    # Payment, mail, models.
    starting(
        "k_live_ k_test_ whsec_", r"(?:(?<=[sr])(?<![A-Za-z0-9][sr])k_(?:live|test)_|whsec_)([A-Za-z0-9+/=]{10,}+)"
    ),
    starting("sg.", r"(?<![\w.])SG\.[\w-]{16,}+\.[\w-]{16,}+"),
    starting("sk-", r"(?<![\w-])sk-(?=[\w-]*\d)[\w-]{20,}+"),
    starting(
        "hf_ gsk_ r8_ lin_api_ ntn_ nfp_ glc_ glsa_ phc_ phx_ fm1_ fm2_ fo1_ sntrys_ sbp_ shpat_ shpss_ shpca_"
        " xai- pplx- nrak- sq0atp- sq0csp- dp.pt.",
        r"(?<![\w-])(?:(?:hf|gsk|r8|lin_api|ntn|nfp|glc|glsa|phc|phx|f[mo][12]|sntrys|sbp|shpat|shpss|shpca)_|"
        r"(?:xai|pplx|NRAK|sq0atp|sq0csp)-|dp\.pt\.)(?=[A-Za-z_-]*\d)[\w-]{20,}+",
    ),
    starting("secret_ key- pul-", r"(?<![\w-])(?:secret_[A-Za-z0-9]{43}|key-[0-9a-f]{32}|pul-[0-9a-f]{40})(?![\w-])"),
    starting(
        " ".join(kind + digit for kind in ("ac", "sk") for digit in "0123456789abcdef"),
        r"(?<![A-Za-z0-9])(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])",
    ),
    starting("-us", r"(?:(?<=[0-9a-f]{32}))-us\d{1,2}(?!\w)"),
    starting("age-secret-key-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}+"),
    starting(
        "$2a$ $2b$ $2y$ $5$ $6$ $argon2",
        r"\$(?:2[aby]\$\d\d\$[./A-Za-z0-9]{53}|[56]\$(?:rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}"
        r"|argon2i?d?\$[^\s\"'<>]{20,200})",
    ),
    # Headers.
    starting(
        "authorization",
        rf"(?i:authorization){_IS}(?:(?i:basic|bearer|token|apikey|bot|key|negotiate|ntlm|kerberos|genie-?key"
        rf"|ssws|api-key|splunk|sso-key|pve\w+)[ =:]{{1,3}}{_NOT_YET}(?P<one>[A-Za-z0-9+/][^\s\"'`<>&\\]*)"
        rf"|[A-Za-z][\w-]{{2,30}} {{1,3}}(?P<many>{_PARAMETER}(?:,\s{{0,3}}{_PARAMETER})*+)"
        r"|(?i:digest|aws[\w-]*|hawk|oauth|mac|sharedkey\w*) {1,3}(?P<other>[A-Za-z0-9+/][^\s\"'`<>&\\]*)"
        r"|(?=[^\s\"'`<>&\\]{0,256}\d)(?P<bare>[A-Za-z0-9][^\s\"'`<>&\\]{7,}+)(?! {1,3}<))",
    ),
    starting(
        "bearer",
        r"(?i:bearer)\s{1,3}(?P<bearer>(?=[\w.~+/=-]*\d)[A-Za-z0-9][\w.~+/=-]{15,}+|[A-Za-z0-9][\w.~+/=-]{23,}+)",
    ),
    starting("set-cookie", rf"(?i:set-cookie){_IS}[^=\s\"'`<>;&\\]{{1,99}}=(?P<set>[^;\s\"'`<>&\\]++)"),
    starting("cookie", rf"(?<![sS]et-)(?<!SET-)(?i:cookie2?){_IS}(?P<cookie>[^=\s\"'`<>;&\\]{{1,99}}={_REST})"),
    # Queries; a plain `key=` is a column.
    starting(
        "?key= &key= ;key= ?sig= &sig= ;sig= ?auth= &auth= ;auth= signature=",
        r"(?i:[?&;](?:key|sig|auth)|signature)=(?P<query>[^&\s\"'`<>#\\]{6,}+)",
    ),
    starting("?code= &code=", r"(?i:.code)=(?P<code>[^&\s\"'`<>#\\]{16,}+)"),
    # Commands.
    starting(
        "-u --user --proxy-user --auth",
        rf"(?<![\w-])(?i:-u|--user|--proxy-user|--auth)[ =]{{0,2}}{_QUOTE}?,? ?{_QUOTE}?{_NOT_YET}"
        rf"[^\s:\"'=/<>$]{{1,99}}:"
        rf"(?!\d+(?![^\s\"']))(?P<user>(?![$:/]){_TOKEN})",
    ),
    starting(
        "auth=( basicauth(",
        r"(?i:auth=|basicauth)\(\s{0,9}[\"'][^\"'\r\n]{0,99}[\"']\s{0,9},\s{0,9}(?:password=)?[\"'](?P<auth>[^\"'\r\n]++)",
    ),
    starting("login", r"login [^\r\n|;]{0,99}?-u[^\r\n|;]{1,99}? -p[ =](?P<login>[^\s\"'$<{-][^\s\"'<>\\]*)"),
    starting("sshpass", r"sshpass -p ?[\"']?(?P<sshpass>[^\s\"'$<-][^\s\"'<>\\]*)"),
    starting("mysql maria", r"(?:mysql|maria)\w{0,12}[^\r\n|;]{0,200}? -p(?P<mysql>[^\s\"'$<{-][^\s\"'<>\\]*)"),
    starting("redis-cli", r"redis-cli[^\r\n|;]{0,200}? -a ?(?P<redis>[^\s\"'$<{-][^\s\"'<>\\]*)"),
    starting("machine", r"machine\s+\S{1,253}+\s+login\s+\S{1,253}+\s+password\s+(?P<netrc>[^\s\"'<>\\]+)"),
    starting("identified", r"(?i:identified) +(?i:by) +(?i:password +)?'(?P<sql>[^'\r\n]+)'"),
)
