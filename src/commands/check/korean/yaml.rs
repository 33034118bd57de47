//! What is wrong with a file, with its YAML and with keys of any kind.

use crate::sentences::Row;

pub(super) const FILES: &[Row] = &[
    ("no such file", "파일이 없습니다"),
    ("is a directory; name a file in it", "디렉터리입니다. 그 안의 파일을 적으십시오"),
    ("the path is not UTF-8", "경로가 UTF-8이 아닙니다"),
    ("not UTF-8{}; save the file as UTF-8", "UTF-8이 아닙니다{0}. UTF-8로 저장하십시오"),
    (
        "not UTF-8 (it looks like UTF-16); save the file as UTF-8",
        "UTF-8이 아닙니다(UTF-16으로 보임). UTF-8로 저장하십시오",
    ),
    (" (it looks like EUC-KR)", "(EUC-KR로 보임)"),
    ("is empty; it needs at least services", "빈 파일입니다. 적어도 services가 있어야 합니다"),
    (
        "no file matches; remove the line, or create the file",
        "맞는 파일이 없습니다. 이 줄을 지우거나 파일을 만드십시오",
    ),
    ("not a pattern: {}", "파일 이름 패턴이 아닙니다: {0}"),
    (
        "{} leads back to itself; remove the line",
        "자기 자신을 다시 읽습니다: {0}. 이 줄을 지우십시오",
    ),
    ("{} is read already; include it once", "이미 읽은 파일입니다: {0}. 한 번만 적으십시오"),
    ("leads to more than {} files", "파일이 {0}개를 넘습니다"),
    (
        "no services in it or in what it includes; add services",
        "이 파일과 include한 파일에 서비스가 없습니다. services를 적으십시오",
    ),
    (
        "belongs in the first file; an included one may have {}",
        "첫 파일에만 쓸 수 있습니다. include한 파일에 쓸 수 있는 것: {0}",
    ),
    (
        "is a drill; run it by bongsu lab --replay FILE",
        "모의 훈련 파일입니다. bongsu lab --replay FILE로 실행하십시오",
    ),
    (
        "holds modules of blackbox_exporter; bongsu --blackbox.config.file=FILE answers /probe with them, and \
         bongsu import blackbox FILE --targets=prometheus.yml makes a configuration of them",
        "blackbox_exporter의 모듈입니다. bongsu --blackbox.config.file=FILE로 /probe에 쓰거나, bongsu import \
         blackbox FILE --targets=prometheus.yml로 설정을 만드십시오",
    ),
    (
        "is a manifest of Kubernetes; kubectl apply --dry-run=server -f FILE checks it",
        "Kubernetes 매니페스트입니다. kubectl apply --dry-run=server -f FILE로 확인하십시오",
    ),
    (
        "holds rules of Prometheus, which reads it by rule_files; promtool check rules FILE checks it",
        "Prometheus가 rule_files로 읽는 규칙입니다. promtool check rules FILE로 확인하십시오",
    ),
    (
        "is a configuration of Prometheus; promtool check config FILE checks it, and bongsu import blackbox \
         blackbox.yml --targets=FILE makes a configuration of what it has probed",
        "Prometheus 설정입니다. promtool check config FILE로 확인하거나, bongsu import blackbox blackbox.yml \
         --targets=FILE로 설정을 만드십시오",
    ),
    (
        "is a configuration of Alertmanager; amtool check-config FILE checks it",
        "Alertmanager 설정입니다. amtool check-config FILE로 확인하십시오",
    ),
    (
        "is a configuration of Prometheus; promtool check config FILE checks it",
        "Prometheus 설정입니다. promtool check config FILE로 확인하십시오",
    ),
    (
        "holds tests of Prometheus's rules; promtool test rules FILE runs them",
        "Prometheus 규칙의 시험입니다. promtool test rules FILE로 실행하십시오",
    ),
    (
        "is a Compose file; docker compose -f FILE config checks it",
        "Compose 파일입니다. docker compose -f FILE config로 확인하십시오",
    ),
    (
        "is a dashboard of Grafana; Dashboards > New > Import reads it, or a folder that Grafana's \
         provisioning names",
        "Grafana 대시보드입니다. Dashboards > New > Import로 가져오거나 프로비저닝 폴더에 두십시오",
    ),
    (
        "tells Grafana its data sources; Grafana reads it from provisioning/datasources",
        "Grafana의 데이터 소스 설정입니다. Grafana가 provisioning/datasources에서 읽습니다",
    ),
    (
        "tells Grafana where dashboards are; Grafana reads it from provisioning/dashboards",
        "Grafana의 대시보드 위치 설정입니다. Grafana가 provisioning/dashboards에서 읽습니다",
    ),
    (
        "is a unit of systemd; systemd-analyze verify FILE checks it, and systemctl cat UNIT shows which \
         configuration its ExecStart names",
        "systemd 유닛입니다. systemd-analyze verify FILE로 확인하십시오. 설정 파일은 systemctl cat UNIT의 \
         ExecStart에 있습니다",
    ),
    (
        "is a web page, perhaps the page around the file; download the file itself",
        "웹 페이지입니다. 파일을 보여 주는 화면일 수 있으니 파일 자체를 내려받으십시오",
    ),
    (
        "is a Dockerfile; docker build -f FILE . reads it",
        "Dockerfile입니다. docker build -f FILE .로 빌드합니다",
    ),
    (
        "is a web configuration (TLS and users); bongsu --web.config.file=FILE reads it, and bongsu check \
         --web.config.file=FILE checks it with the rest",
        "웹 설정(TLS와 사용자)입니다. bongsu check --web.config.file=FILE로 확인하고 bongsu \
         --web.config.file=FILE로 쓰십시오",
    ),
    (
        "is a list of targets for Prometheus (file_sd); bongsu import blackbox blackbox.yml --targets=FILE \
         makes a configuration of it",
        "Prometheus의 대상 목록(file_sd)입니다. bongsu import blackbox blackbox.yml --targets=FILE로 설정을 \
         만드십시오",
    ),
    (
        "is the record of maintenance; bongsu maintenance writes it, and bongsu --maintenance.file=FILE reads it",
        "예고된 점검의 기록입니다. bongsu maintenance로 쓰고 bongsu --maintenance.file=FILE로 읽습니다",
    ),
    (
        "{}: holds no {} in PEM form (-----BEGIN ...-----)",
        "{0}: PEM 형식(-----BEGIN ...-----)의 {1} 항목이 없습니다",
    ),
];

pub(super) const YAML: &[Row] = &[
    ("not valid YAML: {}", "올바른 YAML이 아닙니다: {0}"),
    (
        "a colon where none can be; quote a value that holds \": \", and line keys up with their neighbours",
        "콜론이 있을 수 없는 곳에 있습니다. \": \"이 든 값은 따옴표로 묶고, 키는 옆의 키와 들여쓰기를 맞추십시오",
    ),
    (
        "a list in [ ] is not closed, or a comma is missing",
        "[ ] 목록이 닫히지 않았거나 쉼표가 빠졌습니다",
    ),
    (
        "a mapping in { } is not closed, or a comma is missing",
        "{ } 매핑이 닫히지 않았거나 쉼표가 빠졌습니다",
    ),
    (
        "this line does not fit the list above; check the indentation",
        "이 줄이 위의 목록과 맞지 않습니다. 들여쓰기를 확인하십시오",
    ),
    (
        "this line does not fit the one above; check the indentation, and that quotes and brackets are closed",
        "이 줄이 윗줄과 맞지 않습니다. 들여쓰기와, 따옴표·괄호가 닫혔는지 확인하십시오",
    ),
    (
        "a key without a colon; check the indentation and the quotes",
        "키에 콜론이 없습니다. 들여쓰기와 따옴표를 확인하십시오",
    ),
    (
        "a value cannot start with this character; indent with spaces, not tabs, and quote values that start \
         with @ ` % or a tab",
        "값이 이 문자로 시작할 수 없습니다. 탭이 아니라 공백으로 들여 쓰고, @ ` % 나 탭으로 시작하는 값은 \
         따옴표로 묶으십시오",
    ),
    ("a tab where spaces are needed", "탭 대신 공백을 쓰십시오"),
    ("a quote that is opened is not closed", "따옴표가 닫히지 않았습니다"),
    (
        "an alias (*name) whose anchor (&name) is not above it",
        "별칭(*name)의 앵커(&name)가 앞에 없습니다",
    ),
    (
        "a second document (---); put it in a file of its own and include that",
        "두 번째 문서(---)가 있습니다. 다른 파일에 두고 include하십시오",
    ),
    (
        "aliases (*name) repeat too much; write it with for_each",
        "별칭(*name)이 너무 많이 반복됩니다. for_each로 적으십시오",
    ),
    ("a key must be text", "키는 글자여야 합니다"),
    ("values are nested deeper than 128 levels", "값이 128단계보다 깊이 들어 있습니다"),
    ("a bracket is closed that was not opened", "열지 않은 괄호가 닫혔습니다"),
    (
        "a list with dashes cannot begin on the line of its key; begin it on the next line",
        "- 목록은 키와 같은 줄에서 시작할 수 없습니다. 다음 줄에서 시작하십시오",
    ),
    (
        "* and & at the beginning stand for aliases and anchors; quote the value",
        "맨 앞의 *와 &는 별칭과 앵커입니다. 값을 따옴표로 묶으십시오",
    ),
    (
        "a control character; save the file as plain UTF-8 text",
        "제어 문자가 있습니다. UTF-8 텍스트로 저장하십시오",
    ),
];

pub(super) const KEYS: &[Row] = &[
    ("unknown key{}", "알 수 없는 키입니다{0}"),
    ("; did you mean \"{}\"?", ". \"{0}\"이(가) 아닌지 확인하십시오"),
    ("; known here: {}", ". 여기에 쓸 수 있는 것: {0}"),
    ("; known here: secret.NAME", ". 여기에 쓸 수 있는 것: secret.NAME"),
    ("; config/example.yml shows every key", ". 모든 키는 config/example.yml에 있습니다"),
    ("; write one of {}", ". 다음에서 고르십시오: {0}"),
    (
        "unknown key; it belongs to defaults, a service or a probe",
        "여기에 쓸 수 없는 키입니다. defaults, 서비스, 감시 항목에 적으십시오",
    ),
    (
        "unknown key; a login has base, and each step a URL: get, post, ...",
        "알 수 없는 키입니다. 로그인에는 base를, 각 단계에는 URL(get, post 등)을 적으십시오",
    ),
    ("has no value; give one or remove the key", "값이 없습니다. 값을 적거나 키를 지우십시오"),
    ("is empty; give a value or remove the key", "값이 비어 있습니다. 값을 적거나 키를 지우십시오"),
    (
        "YAML tags (!name) have no meaning here; remove it",
        "YAML 태그(!name)는 쓰이지 않습니다. 지우십시오",
    ),
    (
        "\"{}\" is text in YAML; write true or false",
        "\"{0}\": YAML에서는 글자입니다. true나 false로 적으십시오",
    ),
    (
        "this key is here for the second time; keep one of them",
        "같은 키가 두 번 있습니다. 하나만 남기십시오",
    ),
    (
        "merge keys are not supported; put what is shared into defaults",
        "병합 키(<<)는 지원하지 않습니다. 공통 값은 defaults에 적으십시오",
    ),
    ("\"{}\" is missing", "\"{0}\" 키가 없습니다"),
    ("expected {}, found {}", "형식이 다릅니다. 필요한 것: {0}, 실제: {1}"),
    (
        "a list of names, a mapping from names to variables, or { file: ... }",
        "이름의 목록, 이름별 변수의 매핑, { file: ... }",
    ),
    ("a boolean", "true·false"),
    ("a mapping", "매핑"),
    ("true or false", "true나 false"),
    ("must be more than 0", "0보다 커야 합니다"),
    ("\"{}\" is not known here{}", "여기에 쓸 수 없는 값입니다: \"{0}\"{1}"),
    ("\"{}\" is not a whole number from {} to {}", "\"{0}\": {1}부터 {2}까지의 정수여야 합니다"),
    ("\"{}\" is not a number", "\"{0}\": 숫자가 아닙니다"),
    (
        "\"{}\" cannot be a name; use at most {} of a-z 0-9 _ . - and begin with a letter or digit",
        "\"{0}\": 이름으로 쓸 수 없습니다. a-z 0-9 _ . - 로 {1}자까지, 글자나 숫자로 시작하십시오",
    ),
    ("{}; what people see is the title", "{0}. 화면에 보이는 이름은 title에 적습니다"),
    (
        "{} is called \"{}\" already; give it its own name",
        "이미 {0}의 이름입니다: \"{1}\". 다른 이름을 쓰십시오",
    ),
    (
        "{} is called \"{}\" already; every service needs its own name",
        "이미 {0}의 이름입니다: \"{1}\". 서비스마다 다른 이름을 쓰십시오",
    ),
    (
        "\"{}\" has no unit; write a duration such as \"{}s\"",
        "\"{0}\": 단위가 없습니다. \"{1}s\"처럼 적으십시오",
    ),
    (
        "\"{}\" is not a duration; write one such as 30s, 1m30s or 500ms",
        "\"{0}\": 시간의 길이가 아닙니다. 30s, 1m30s, 500ms처럼 적으십시오",
    ),
    ("{} is too short; the least is {}", "{0}: 너무 짧습니다. 최소 {1}입니다"),
    ("{} is too long; the most is {}", "{0}: 너무 깁니다. 최대 {1}입니다"),
    ("{} is too much; the most is {}KiB", "{0}: 너무 큽니다. 최대 {1}KiB입니다"),
    (
        "\"{}\" is not a size; write one such as 4KiB or 1MiB",
        "\"{0}\": 크기가 아닙니다. 4KiB, 1MiB처럼 적으십시오",
    ),
    ("\"{}\" is ambiguous; write {}KiB", "\"{0}\": 단위가 모호합니다. {1}KiB로 적으십시오"),
    ("\"{}\" is ambiguous; write {}MiB", "\"{0}\": 단위가 모호합니다. {1}MiB로 적으십시오"),
    (" (site {})", " (기관 {0})"),
    (" (site {} and {} more)", " (기관 {0} 외 {1}곳)"),
    (" (probe {})", " (감시 항목 {0})"),
    (" (probe {}, step {})", " (감시 항목 {0}, 단계 {1})"),
];

/// Sentences that the source puts together of parts.
pub(super) const COMPOSED: &[Row] = &[
    ("expected text, found {}", "형식이 다릅니다. 필요한 것: 글자, 실제: {0}"),
    ("expected {}, found text", "형식이 다릅니다. 필요한 것: {0}, 실제: 글자"),
    ("a list", "목록"),
    ("a number", "숫자"),
    ("cannot be set here; {}", "여기에 쓸 수 없습니다. {0}"),
    ("{} (the default)", "{0}(기본값)"),
];
