//! How minutes are counted, for whoever reads a report. docs/report.md says the same at more length.

use super::table::Section;
use crate::language::Language;

/// The last section of a report.
pub fn section(language: Language) -> Section {
    let korean = [
        "가용률 = (운영 시간 - 장애 시간) / 운영 시간. 운영 시간은 달의 실제 길이에서 예고된 점검을 뺀 시간입니다.",
        "장애 시간은 첫 실패가 확인된 실행이 끝난 때부터 복구까지이며, 서비스의 한 기능(로그인 등)만 되지 않아도 전체를 셉니다. 계약의 수치는 이것입니다.",
        "상황판의 분은 감시 항목, 기관, 관측 지점의 평균이므로 계약의 수치가 아닙니다.",
        "예고된 점검 전부터 있던 장애와 예고 없는 긴급 점검 때의 장애는 장애 시간에 넣습니다.",
        "미관측 시간은 장애로도 정상으로도 세지 않으며, 운영 시간에는 들어 있습니다.",
        "복구 소요는 시작부터 마지막 복구까지이며, 사이에 잠시 되살아난 시간도 들어 있습니다. 제한 초과는 1등급 2시간, 2등급 3시간을 넘은 시간입니다.",
    ];
    let english = [
        "Availability = (operating - fault) / operating. Operating minutes are those of the real month without announced work.",
        "A fault lasts from the end of the first failing run to the recovery, whole, also when only one function such as the login is dead. This is the contract's number.",
        "The board's minutes are a mean over probes, sites and vantages, and not the contract's.",
        "Faults from before announced work, and faults in emergency work, are counted.",
        "Unwatched minutes count neither as fault nor as up. They are within the operating minutes.",
        "Repair is from the beginning to the last recovery, with what came back for a while in between. The limit is two hours in grade 1 and three in grade 2.",
    ];
    let notes = match language {
        Language::Korean => korean,
        Language::English => english,
    };
    Section {
        heading: language.pick("6. 계산 기준", "6. How it is counted").to_owned(),
        notes: notes.map(str::to_owned).to_vec(),
        ..Section::default()
    }
}
