# The recipes are the steps of CI: .ci/run calls nothing but these.
.PHONY: fmt fmt-check lint doc install-test-tools test quick build build-tests unit integration alert-rules integration-rest integration-quick stall soak doc-tests ci mutants mutants-code timelines timelines-hours timelines-days release \
        kubernetes lint-kubernetes lint-deploy dashboards written pictures e2e e2e-together example-report test-newer image-test \
        bench-load bench-exposition bench-https bench-compare bench-floor bench-nation bench-start \
        bench-login bench-blackhole install-bench-tools

# promtool and Prometheus spend a quarter of their time collecting garbage otherwise.
export GOGC := 400

fmt:
	cargo fmt --all

fmt-check:
	cargo fmt --all --check

# The daemon must also build without the lab.
lint:
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --package bongsu --no-default-features -- -D warnings

# Its readers are those who change it, so links to private items are meant.
doc:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --locked --no-deps --document-private-items

install-test-tools:
	tests/install.sh
	tests/rules/install.sh target/tmp/rule-tools

# Installs what the tests need (Debian, root or sudo), then runs all of them. What the alert rules are
# judged by passes at once when nothing of it has changed (tests/rules/once.py). Otherwise it computes
# for minutes with all cores, so nothing that measures time runs beside it. The replay keeps its place
# after all others, because it shares the machine with nobody.
test:
	python3 tests/parts.py install-test-tools build unit integration-rest alert-rules doc-tests \
	    e2e-together e2e-replay

# What can be known in three minutes, before a commit: without the alert rules, servers of third
# parties, thousands of runs, and several processes together.
quick:
	python3 tests/parts.py fmt-check lint build-tests unit integration-quick

build-tests:
	cargo test --locked --no-run

build: build-tests
	cargo build --locked

unit:
	cargo test --locked --lib --bins

# More at a time than there are cores, because most of them wait.
threads = --test-threads=$$((4 * $$(nproc)))

integration: integration-rest alert-rules

# What judges the alert rules computes for minutes, the others mostly wait.
alert-rules: install-test-tools
	cargo test --locked --test it -- $(threads) alert_rules::

# The soak takes the longest and runs beside all others: by its name it would be among the last to begin.
integration-rest: install-test-tools
	cargo test --locked --test openssl
	cargo test --locked --test it -- soak:: & soak=$$!; \
	    cargo test --locked --test it -- $(threads) --skip alert_rules:: --skip soak::; rest=$$?; \
	    wait $$soak && exit $$rest

integration-quick: install-test-tools
	cargo test --locked --test it -- $(threads) --skip alert_rules:: --skip third_party:: \
	    --skip a_thousand_runs --skip lab_sessions:: --skip lab::daemon:: --skip nation:: \
	    --skip metrics_prometheus:: --skip blackbox:: --skip soak::

# The long form of what `integration` does in short: the prober stopped, throttled and crowded out.
stall: install-test-tools
	STALL=long cargo test --locked --test it -- own_stall:: --nocapture --test-threads=1

# 2,000 probes, a tenth of them hostile, for an hour or SOAK_MINUTES: the program that is shipped keeps its
# memory and descriptors. `integration` does a small one for a minute.
SOAK_MINUTES ?= 60
soak: release install-test-tools
	SOAK_MINUTES=$(SOAK_MINUTES) BONGSU_BINARY=$(CURDIR)/target/release/bongsu \
	    cargo test --locked --test it -- soak:: --nocapture --test-threads=1

doc-tests:
	cargo test --locked --doc

ci: fmt-check lint lint-deploy doc lint-kubernetes test

# Writes what deploy/kubernetes repeats of the repository: alert rules, dashboards, configuration.
kubernetes:
	tests/kubernetes/install.sh target/tmp/kubernetes-tools
	target/tmp/kubernetes-tools/bin/python deploy/kubernetes/generate.py

# Whether that is current, and whether a cluster would take the manifests and run them well.
lint-kubernetes: install-test-tools
	tests/kubernetes/install.sh target/tmp/kubernetes-tools
	target/tmp/kubernetes-tools/bin/python deploy/kubernetes/generate.py --check
	cargo build --locked
	target/tmp/kubernetes-tools/bin/python tests/kubernetes/check.py

# Dockerfile, compose.yaml and the systemd unit, each by the tool that knows it.
lint-deploy: install-test-tools
	deploy/lint.sh target/tmp/rule-tools/bin

# Real processes together, from a fault to the page. Needs root for network namespaces. Which they
# are, and which run beside each other, is in tests/stack/run.py.
e2e: e2e-together e2e-replay

# All but the replay.
e2e-together: install-test-tools
	cargo build --locked
	target/tmp/rule-tools/bin/python tests/stack/scale.py --test
	target/tmp/rule-tools/bin/python tests/stack/run.py --together

# One of them, such as `make e2e-storm`, after `make e2e` has installed what they need.
e2e-%:
	target/tmp/rule-tools/bin/python tests/stack/$*.py

# Writes docs/example-incident-report.md, at the end of the replay.
example-report: install-test-tools
	cargo build --locked
	target/tmp/rule-tools/bin/python tests/stack/replay.py --report docs/example-incident-report.md

# Alone what `unit` does with Prometheus 3 and a newer Alertmanager, of Debian unstable.
test-newer:
	tests/rules/newer.sh

# Builds the image with buildah and runs it as nobody. Needs root; takes an optimised build.
image-test: install-test-tools
	PYTHON=$(CURDIR)/target/tmp/rule-tools/bin/python deploy/image-test.sh

# Writes dashboards/*.json from dashboards/src. Needs python3 with PyYAML.
dashboards:
	python3 dashboards/src/build.py

# Writes everything that is made of something else here, in the order in which one is made of the other:
# lists of reasons and limits, the schema, boards, and their copies in deploy/kubernetes.
written:
	BONGSU_REGENERATE=1 cargo test --locked --test it -- reasons:: schema:: limits::
	$(MAKE) dashboards kubernetes

# Draws docs/img/*.png: ten minutes of a small outage, and the daemon's own page.
pictures:
	tests/install.sh npm:npm pngquant:pngquant fc-list:fontconfig \
		/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc:fonts-noto-cjk
	cargo build --locked
	mkdir -p target/tmp/preview
	cp docs/preview/package.json target/tmp/preview/
	npm install --prefix target/tmp/preview --ignore-scripts --no-audit --no-fund --legacy-peer-deps
	python3 docs/preview/collect.py target/tmp/preview/data
	python3 docs/preview/shoot.py target/tmp/preview/data target/tmp/preview
	python3 docs/preview/page.py target/debug/bongsu target/tmp/preview/node_modules/axe-core/axe.min.js

# Breaks each alert rule in every small way and sees that its scenarios notice. Hours, not minutes.
mutants:
	python3 tests/rules/mutants.py

# Breaks the modules named in .cargo/mutants.toml and sees that their tests notice. A build for each:
# days, at low priority. For one file: tests/mutants-code.sh src/maintenance/record.rs
mutants-code:
	tests/mutants-code.sh

# A thousand random timelines for the alert rules, and a thousand of places that fall in waves; `make test`
# runs two hundred and 24.
timelines:
	$(MAKE) --no-print-directory -j2 timelines-hours timelines-days

timelines-hours:
	python3 tests/rules/timelines.py 1000
	python3 tests/rules/wave_timelines.py 1000

# One world, so it takes one core.
timelines-days:
	python3 tests/rules/days.py

release:
	cargo build --release --locked

# Measured is the program that is shipped; what measures it is built beside it, and quicker.
bench = BONGSU_BINARY=$(CURDIR)/target/release/bongsu cargo bench --locked --target-dir target/bench --bench

# How fast 17,000 probes are loaded from a file.
bench-load:
	$(bench) load

# How fast /metrics is written for 17,000 probes.
bench-exposition:
	$(bench) exposition

# 1,000 HTTPS probes every 10 s: memory, processor time per run, skipped runs.
bench-https: release
	$(bench) daemon -- https

# The same load on blackbox_exporter in the same minutes, and both at their limit: ratios.
bench-compare: release install-bench-tools
	$(bench) daemon -- compare

# The daemon and blackbox_exporter beside the smallest honest client (benches/floor), which is built
# with the daemon, so that both have the same build of every library. FLOOR_SECONDS is the length of
# each of the thirty measurements.
FLOOR_SECONDS ?= 8
bench-floor: install-bench-tools
	cargo build --release --locked --package bongsu --package bongsu-floor
	BONGSU_FLOOR=$(CURDIR)/target/release/bongsu-floor $(bench) daemon -- floor $(FLOOR_SECONDS)

install-bench-tools:
	tests/install.sh prometheus-blackbox-exporter:prometheus-blackbox-exporter

# 17,000 probes every 30 s: share of a core, memory, skipped and late runs.
bench-nation: release
	$(bench) daemon -- nation

# From the start of the process to ready with 1,000 probes.
bench-start: release
	$(bench) daemon -- start

# 500 logins over HTTPS: skipped runs, and the processor time of one beside that of a GET.
bench-login: release
	$(bench) daemon -- login

# 10,000 probes into a black hole beside 100 healthy ones. Needs root for a network namespace.
bench-blackhole: release
	$(bench) daemon -- blackhole
