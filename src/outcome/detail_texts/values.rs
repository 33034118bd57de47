//! Values that could not be made: what templates fill in, pipes change, pages are captured for, and
//! accounts are spared.

use crate::sentences::Row;

pub(super) const VALUES: &[Row] = &[
    ("a value: {}", "값: {0}"),
    ("the {} has {} bytes; {} are needed", "{0}의 길이가 {1}바이트입니다. 필요한 길이: {2}"),
    ("the cipher cannot be used", "암호화할 수 없습니다"),
    (
        "the captured values make a URL of port 0, which nobody listens at",
        "응답에서 가져온 값으로 만든 URL의 포트가 0입니다",
    ),
    ("a filled-in value is larger than {} bytes", "채워 넣은 값이 {0}바이트를 넘습니다"),
    ("a text has characters that {} does not have", "{0}에 없는 문자가 있습니다"),
    ("what is decoded from it is not text", "디코딩한 결과가 텍스트가 아닙니다"),
    ("it has characters that EUC-KR has not", "EUC-KR에 없는 문자가 있습니다"),
    ("it is not base64", "base64가 아닙니다"),
    ("it is not hex", "16진수가 아닙니다"),
    ("it is not there", "값이 없습니다"),
    ("the key", "키"),
    ("the IV", "초기화 벡터(IV)"),
    ("a key", "키"),
    ("an issuer", "발급 기관"),
    ("the {} is no number in hex", "{0}: 16진수가 아닙니다"),
    ("the key is neither PEM nor base64", "키가 PEM도 base64도 아닙니다"),
    ("the key is no RSA public key", "키가 RSA 공개 키가 아닙니다"),
    ("the key has {} bits; {} to {} are taken", "키가 {0}비트입니다. 허용 범위: {1}~{2}비트"),
    ("the modulus is even, so it is none", "modulus가 짝수여서 RSA 키가 아닙니다"),
    (
        "the exponent is not an odd number from 3 on of at most {} bits",
        "exponent가 3 이상 {0}비트 이하의 홀수가 아닙니다",
    ),
    (
        "a value of {} bytes does not fit a key of {} bits with this padding",
        "{0}바이트 값은 이 패딩으로 {1}비트 키에 들어가지 않습니다",
    ),
    ("the system gives no random bytes", "운영체제에서 난수를 얻지 못했습니다"),
    ("secret {} is no TOTP key: {}", "비밀 값 {0}: TOTP 키가 아닙니다. {1}"),
    ("its otpauth address is not readable", "otpauth 주소를 해석할 수 없습니다"),
    ("its otpauth address is not of the kind totp", "otpauth 주소의 종류가 totp가 아닙니다"),
    ("its otpauth address names an unknown algorithm", "otpauth 주소의 알고리즘을 알 수 없습니다"),
    ("its digits are no number", "digits가 숫자가 아닙니다"),
    ("its period is no number", "period가 숫자가 아닙니다"),
    ("its digits are not 6 to 8", "digits가 6~8이 아닙니다"),
    ("its period is not 1 to 600 seconds", "period가 1~600초가 아닙니다"),
    ("it is not base32", "base32가 아닙니다"),
    ("it is empty", "비어 있습니다"),
    ("no code was made for {}", "일회용 코드를 만들지 못했습니다: {0}"),
    (
        "the one-time code of {} was used already and the next comes in {} s, after the next run is due",
        "{0}의 일회용 코드는 이미 사용했고, 다음 코드는 {1}초 뒤로 다음 실행보다 늦습니다",
    ),
    (
        "because {} logins got no answer in time and none has ever worked: its password may be wrong and \
         the refusal slow",
        "로그인 {0}회가 제한 시간 안에 응답을 받지 못했고 성공한 적이 없어, 비밀번호가 틀려 거부가 늦는 \
         것일 수 있습니다",
    ),
    ("because the record of held accounts was lost", "보류된 계정의 기록을 잃었습니다"),
    (
        "no login has ever worked with these secrets, and the last ones got no answer in time, which may \
         be a slow refusal; to spare the account the next one comes in {} s",
        "이 비밀 값으로 로그인에 성공한 적이 없고 최근 로그인이 제한 시간 안에 응답을 받지 못했습니다. \
         거부가 늦는 것일 수 있어 계정을 지키려고 다음 로그인은 {0}초 뒤에 합니다",
    ),
    (
        "the last attempt was turned away and no rule says why; to spare the account the next one comes \
         in {} s",
        "최근 로그인이 거부되었으나 어떤 규칙에도 그 까닭이 없습니다. 계정을 지키려고 다음 로그인은 {0}초 \
         뒤에 합니다",
    ),
    ("{} has more than {} fields", "{0}: 필드가 {1}개를 넘습니다"),
    ("there was no page before this step", "이 단계 전에 받은 화면이 없습니다"),
    ("a draft of another step", "다른 단계의 요청입니다"),
    (
        "the daemon ends; the flow was not finished",
        "봉수가 종료되어 로그인을 끝까지 하지 않았습니다",
    ),
    (
        "the steps before took so long that no time is left to wait",
        "앞 단계가 오래 걸려 기다릴 시간이 남지 않았습니다",
    ),
    ("its name is too long", "이름이 너무 깁니다"),
    (
        "a header's value holds characters that no header can carry",
        "헤더에 넣을 수 없는 문자가 있는 값입니다",
    ),
    (
        "a redirect asked for a body with a secret to be sent to {}://{}",
        "비밀 값이 있는 본문을 다른 곳으로 보내라는 리다이렉트를 받아 보내지 않았습니다: {0}://{1}",
    ),
    (
        "to judge the page takes more time or memory than it may",
        "응답을 판정하는 데 시간이나 메모리가 한도보다 많이 듭니다",
    ),
    (
        "to judge the page takes longer than there was time",
        "남은 시간 안에 응답을 판정하지 못했습니다",
    ),
    ("the judgement panicked", "응답의 판정이 비정상 종료되었습니다"),
    (
        "{} meets more than {} places or {} bytes, and not all were looked at ({}.{}: {})",
        "{0}: {1}곳이나 {2}바이트를 넘게 해당하여 다 확인하지 못했습니다 ({3}.{4}: {5})",
    ),
    (
        "Content-Encoding names something that is no content coding; it was passed over",
        "Content-Encoding에 콘텐츠 인코딩이 아닌 값이 있어 무시했습니다",
    ),
];

pub(super) const VALUES_COMPOSED: &[Row] = &[
    ("{} is larger than {} bytes", "{0} 값이 {1}바이트를 넘습니다"),
    ("{} is not base64", "{0}: base64가 아닙니다"),
    ("{} is not hex", "{0}: 16진수가 아닙니다"),
    ("{} was lost: {}", "프로그램의 종료를 알 수 없습니다 ({0}): {1}"),
    ("{} could not be read: {}", "프로그램의 출력을 읽지 못했습니다 ({0}): {1}"),
    ("parameter {} of the URL", "URL의 매개변수 {0}"),
    ("attribute {} of css {}", "css {1}의 속성 {0}"),
    ("{} of {} addresses are up; {}", "주소 {1}개 가운데 {0}개 정상. {2}"),
    ("{} of {} families are up; {}", "IPv4·IPv6 {1}가지 가운데 {0}가지 정상. {2}"),
    (
        "{}; the page holds a form that its script sends at once: follow: {} does the same",
        "{0}. 스크립트가 바로 제출하는 양식이 화면에 있습니다. follow: {1}(으)로 같은 동작을 합니다",
    ),
    ("{} of at least {} bits", "{1}비트 이상의 {0}"),
];
