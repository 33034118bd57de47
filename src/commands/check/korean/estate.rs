//! What is wrong with services, sites, secrets, maintenance and controls.

use crate::sentences::Row;

pub(super) const SERVICES: &[Row] = &[
    ("no service named \"{}\"{}", "그런 이름의 서비스가 없습니다: \"{0}\"{1}"),
    ("\"{}\" needs itself; remove it", "\"{0}\": 자기 자신을 필요로 합니다. 지우십시오"),
    ("names \"{}\" twice", "\"{0}\" 서비스가 두 번 있습니다"),
    (
        "circular: {}; remove one of these needs",
        "서로 돌아가며 필요로 합니다: {0}. 이 중 하나를 지우십시오",
    ),
    (
        "\"bongsu\" is reserved for faults of the prober itself",
        "\"bongsu\": 프로버 자체의 문제에 쓰는 이름입니다. 다른 이름을 쓰십시오",
    ),
    (
        "\"{}\" is not a ratio between 0 and 1; write {}",
        "\"{0}\": 0과 1 사이의 비율이 아닙니다. {1}로 적으십시오",
    ),
    (
        "\"{}\" is not a ratio between 0 and 1, such as 0.999",
        "\"{0}\": 0.999와 같은 0과 1 사이의 비율이 아닙니다",
    ),
    (
        "\"{}\" cannot be a variable's name; use a-z 0-9 and _",
        "\"{0}\": 변수 이름으로 쓸 수 없습니다. a-z 0-9 _ 만 쓰십시오",
    ),
    (
        "\"{}\" has a meaning already; choose another name",
        "\"{0}\": 이미 뜻이 있는 이름입니다. 다른 이름을 쓰십시오",
    ),
    (
        "the label name \"{}\" is reserved; choose another",
        "\"{0}\": 예약된 레이블 이름입니다. 다른 이름을 쓰십시오",
    ),
    (
        "\"{}\" is not a label name; use a-z A-Z 0-9 and _",
        "\"{0}\": 레이블 이름이 아닙니다. a-z A-Z 0-9 _ 만 쓰십시오",
    ),
    (
        "with this service there are more than {} probes",
        "이 서비스까지 감시 항목이 {0}개를 넘습니다",
    ),
];

pub(super) const SITES: &[Row] = &[
    ("has {} sites; it needs 1 to {}", "기관이 {0}곳입니다. 1곳부터 {1}곳까지 적으십시오"),
    ("site \"{}\" is here for the second time", "기관 \"{0}\"이(가) 두 번 있습니다"),
    ("a column has no name", "이름이 없는 열이 있습니다"),
    (
        "\"name\" is the site's key already; choose another name",
        "\"name\": 이미 기관의 키입니다. 다른 이름을 쓰십시오",
    ),
    (
        "\"{}\" cannot be a column's name; use a-z 0-9 and _",
        "\"{0}\": 열 이름으로 쓸 수 없습니다. a-z 0-9 _ 만 쓰십시오",
    ),
    (
        "the first line must name the columns, and one of them must be \"name\"",
        "첫 줄은 열의 이름이어야 하고 그중 하나는 \"name\"이어야 합니다",
    ),
    ("column \"{}\" is there twice", "열 \"{0}\"이(가) 두 번 있습니다"),
    ("has {} cells where the first line has {}", "칸이 {0}개인데 첫 줄은 {1}개입니다"),
    ("line {}: {}", "{0}번째 줄: {1}"),
];

pub(super) const SECRETS: &[Row] = &[
    (
        "is declared in another file already; keep one of them",
        "다른 파일에 이미 있습니다. 하나만 남기십시오",
    ),
    (
        "\"{}\" is declared outside of the services already; give one of them another name",
        "\"{0}\": 서비스 밖에 이미 있는 비밀 값입니다. 한쪽의 이름을 바꾸십시오",
    ),
    (
        "\"{}\" is a URL; write its host, or host:port",
        "\"{0}\": URL입니다. 호스트나 host:port로 적으십시오",
    ),
    (
        "a secret cannot be written into this file; say where it is, as { env: VARIABLE } or { file: \
         /run/secrets/... }",
        "비밀 값을 이 파일에 적을 수 없습니다. { env: VARIABLE }이나 { file: /run/secrets/... }로 있는 곳을 \
         적으십시오",
    ),
    ("needs exactly one of env, file", "env와 file 중 하나만 적으십시오"),
    (
        "the environment variable {} is not set; set it for the bongsu process",
        "환경 변수 {0}이(가) 없습니다. bongsu 프로세스에 설정하십시오",
    ),
    ("{}: is not text", "{0}: 글자가 아닙니다"),
    ("leads to an empty secret", "비밀 값이 비어 있습니다"),
    ("no secret named \"{}\" under secrets{}", "secrets에 없는 비밀 값입니다: \"{0}\"{1}"),
    (
        "secret \"{}\" may not be sent to {}; add it to secrets.{}.hosts if it is meant for it",
        "비밀 값 \"{0}\": {1} 주소로 보낼 수 없습니다. 보내려면 secrets.{2}.hosts에 추가하십시오",
    ),
    (
        "secret \"{}\" may be sent to none of the hosts of this flow ({}); add the right one to secrets.{}.hosts",
        "비밀 값 \"{0}\": 이 로그인의 어느 호스트({1})로도 보낼 수 없습니다. 맞는 것을 secrets.{2}.hosts에 \
         추가하십시오",
    ),
    (
        "a secret cannot stand here; secrets may stand in {}",
        "여기에는 비밀 값을 쓸 수 없습니다. 쓸 수 있는 곳: {0}",
    ),
    (
        "a literal password can be read by everyone who reads this file; declare it under secrets (env or \
         file) and write ${secret.NAME}",
        "비밀번호를 그대로 적으면 이 파일을 읽는 누구나 봅니다. secrets에 env나 file로 선언하고 \
         ${secret.NAME}으로 적으십시오",
    ),
];

pub(super) const TEXTS: &[Row] = &[
    ("nothing is called \"${{}}\"{}", "그런 이름의 값이 없습니다: \"${{0}}\"{1}"),
    (
        "nothing is called \"${{}}\"; did you mean \"${secret.{}}\"?",
        "그런 이름의 값이 없습니다: \"${{0}}\". \"${secret.{1}}\"이(가) 아닌지 확인하십시오",
    ),
    ("\"${{}}\": {}", "\"${{0}}\": {1}"),
    ("pipes belong to login flows", "파이프(|)는 로그인에서만 쓸 수 있습니다"),
    ("pipes cannot stand here", "여기에는 파이프(|)를 쓸 수 없습니다"),
    (
        "\"${{}}\" has a value only in a service with for_each",
        "\"${{0}}\": for_each가 있는 서비스에서만 값이 있습니다",
    ),
    (
        "\"${{}}\": the environment is not expanded here; declare it under secrets, as { env: {} }",
        "\"${{0}}\": 환경 변수를 여기에 쓸 수 없습니다. secrets에 { env: {1} }로 선언하십시오",
    ),
    (
        "\"${\" without a closing \"}\"; write \"$${\" for the characters themselves",
        "\"${\"가 \"}\"로 닫히지 않았습니다. 글자 그대로라면 \"$${\"로 적으십시오",
    ),
];

pub(super) const MAINTENANCE: &[Row] = &[
    ("is an empty list; name the services it covers", "빈 목록입니다. 대상 서비스를 적으십시오"),
    (
        "\"{}\" has no sites; write \"{}\" alone",
        "\"{0}\": 기관이 없는 서비스입니다. \"{1}\"만 적으십시오",
    ),
    ("\"{}\" has no site \"{}\"{}", "\"{0}\" 서비스에 없는 기관입니다: \"{1}\"{2}"),
    ("needs either from and until, or every", "from과 until, 또는 every를 적으십시오"),
    ("is not after from", "from보다 뒤여야 합니다"),
    (
        "makes the window longer than {} days; write enabled: false on the service instead",
        "예고된 점검이 {0}일을 넘습니다. 대신 서비스에 enabled: false를 적으십시오",
    ),
    ("no time zone is called \"{}\"{}", "그런 이름의 시간대가 없습니다: \"{0}\"{1}"),
    ("; write one such as Asia/Seoul", ". Asia/Seoul처럼 적으십시오"),
    (
        "\"{}\" is not a local time; write one such as 2026-12-05T20:00",
        "\"{0}\": 현지 시각이 아닙니다. 2026-12-05T20:00처럼 적으십시오",
    ),
    (
        "{} does not exist in that time zone: the clocks skip it; write a time before it, or {}",
        "{0}: 그 시간대에서 건너뛰는 시각입니다. 그보다 앞의 시각이나 {1}로 적으십시오",
    ),
    (
        "\"{}\" is not a time that comes again; write one such as sunday 02:00-04:00, daily 02:00-02:30 or \
         first sunday 02:00 for 4h",
        "\"{0}\": 되풀이되는 시각이 아닙니다. sunday 02:00-04:00, daily 02:00-02:30, first sunday 02:00 for \
         4h처럼 적으십시오",
    ),
    (
        "of a month write one day, such as first sunday",
        "매월의 하루를 적으십시오. 예: first sunday",
    ),
    (
        "of a month write one day; give each day a window of its own",
        "매월의 하루만 적을 수 있습니다. 날마다 따로 적으십시오",
    ),
    (
        "\"{}\" is no length of a window; write one such as 4h or 90m, at most 24h",
        "\"{0}\": 예고된 점검의 길이가 아닙니다. 4h, 90m처럼 24h까지 적으십시오",
    ),
    (
        "24:00 is an end; as a start write 00:00 of the next day",
        "24:00은 끝에만 쓸 수 있습니다. 시작은 다음 날 00:00으로 적으십시오",
    ),
    ("{} is no time at all; write when it ends", "{0}: 길이가 없습니다. 끝나는 시각을 적으십시오"),
    ("no day is called \"{}\"{}", "그런 이름의 요일이 없습니다: \"{0}\"{1}"),
    ("names a day twice", "같은 요일이 두 번 있습니다"),
    (
        "\"{}\" is not a time of day; write one such as 02:00",
        "\"{0}\": 시각이 아닙니다. 02:00처럼 적으십시오",
    ),
    ("\"{}\" is neither announced nor emergency{}", "\"{0}\": announced나 emergency가 아닙니다{1}"),
];

pub(super) const CONTROLS: &[Row] = &[
    ("has {} places; the most is {}", "대조점이 {0}개입니다. 최대 {1}개입니다"),
    ("is here for the second time; remove it", "두 번째로 적혀 있습니다. 지우십시오"),
    (
        "\"{}\" has no scheme; write tcp://host:port or a URL",
        "\"{0}\": 앞에 방식이 없습니다. tcp://host:port나 URL로 적으십시오",
    ),
    (
        "is neither tcp://host:port nor an http:// or https:// URL",
        "tcp://host:port도, http://나 https:// URL도 아닙니다",
    ),
];
