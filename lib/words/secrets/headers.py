"""Credentials that requests and commands carry: headers, queries, users of curl, cookies."""

from __future__ import annotations

from lib.words.secrets.anchored import starting
from lib.words.secrets.escapes import PLAIN_AMPERSAND, PLAIN_BACKSLASH

_QUOTE = r"[\"'`]"
_IS = rf"(?:{_QUOTE}?\s{{0,3}}(?:=>|[:=])|{_QUOTE}\s{{0,3}},)\s{{0,3}}(?:\[\s?)?(?:b(?=[\"']))?{_QUOTE}?"
# The rest of a header: to the end of its line, or of the text that it stands in.
_REST = rf"(?:[^\r\n\"'`<>\\&]|{PLAIN_AMPERSAND}|{PLAIN_BACKSLASH})++"
_PARAMETER = r"[\w-]+=(?:\"[^\"\r\n]*\"|[^\s,\"'`<>\\]+)"
_TOKEN = rf"(?:[^\s\"'`<>\\&]|{PLAIN_AMPERSAND}|{PLAIN_BACKSLASH})++"
_NOT_YET = r"(?!\$[\w({]|\{|<|\*{3}|%s|\[)"

HEADERS = (
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
    # Queries; a bare `key=` is a column.
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
