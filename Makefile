# `make` alone tells what there is.

CARGO ?= cargo
# What `make install` takes from target/: release, or debug where the time to build counts.
PROFILE ?= release
CARGO_TARGET_DIR ?= target

prefix ?= /usr
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libexecdir ?= $(prefix)/libexec
docdir ?= $(prefix)/share/doc/ash
mandir ?= $(prefix)/share/man
bashcompletiondir ?= $(prefix)/share/bash-completion/completions
zshcompletiondir ?= $(prefix)/share/zsh/vendor-completions
fishcompletiondir ?= $(prefix)/share/fish/vendor_completions.d
unitdir ?= $(prefix)/lib/systemd/system
presetdir ?= $(prefix)/lib/systemd/system-preset
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
sharedir ?= $(prefix)/share/ash
DESTDIR ?=

SCRIPTS = .ci/run fuzz/run packaging/apt-repo packaging/claude-cli packaging/deb packaging/demo packaging/rpm packaging/site packaging/source packaging/verify-apparmor \
	tests/run tests/client/run tests/client/clients tests/image/run tests/rpm/run tests/source/run \
	tests/system/run tests/system/machine tests/system/inside
UNITS = systemd/ashd.service systemd/ashd.socket systemd/ashd-admin.socket \
	systemd/ash-sandboxd.service systemd/ash-sandboxd.socket systemd/ash-quota@.service \
	systemd/ash-egress.service systemd/ash-egress.socket systemd/ash-egress-control.socket \
	systemd/ash-sandbox.slice
LIBEXEC = ash-bridge ash-egress ash-launch ash-sandboxd

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# SQLite as distributions build it: fdatasync(2) behind a commit instead of fsync(2), and no lock around
# a count of its memory that nobody reads (docs/decisions/0044-the-end-of-a-turn-is-synced.md).
build bench bench-check: export LIBSQLITE3_FLAGS = -DHAVE_FDATASYNC=1 -DSQLITE_DEFAULT_MEMSTATUS=0

build: ## Build the product (release)
	$(CARGO) build --release --locked
	@$(MAKE) --no-print-directory manual

# What the programs tell of themselves, for `make install`.
manual = $(CARGO_TARGET_DIR)/$(PROFILE)/manual
manual: ## Write the manual pages and completions of what `make build` built
	rm -rf $(manual)
	$(CARGO_TARGET_DIR)/$(PROFILE)/ashctl manual $(manual)
	$(CARGO_TARGET_DIR)/$(PROFILE)/ashd --manual >$(manual)/ash.toml.5

demo: ## Build, deploy examples/agents/hello, talk to it, stop everything
	@packaging/demo

test: ## Every test there is; as root also on a real systemd
	@tests/run

test-faults: ## More than a thousand kills of ashd in the middle of turns, and of the rest
	ASH_FAULT_SEEDS=$${ASH_FAULT_SEEDS:-20} ASH_FAULT_KILLS=$${ASH_FAULT_KILLS:-60} \
		$(CARGO) test --locked --features testing --test faults -- --test-threads=1

fuzz: ## Fuzz what reads foreign bytes, guided by coverage: ten minutes for each reader
	fuzz/run

test-release: test test-faults bench-check ## What a release wants besides: other releases of systemd, kernels as everybody has them, the image, the budgets, RPM, a build without a network
	tests/system/run --suite jammy --suite noble container
	tests/system/run --suite trixie vm
	tests/system/run qemu
	tests/image/run
	tests/rpm/run
	tests/source/run

check: ## Formatting, lints, documentation, shell scripts, unit files
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features testing -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --no-deps --document-private-items
	@if command -v shellcheck >/dev/null; then \
		echo shellcheck; shellcheck -x -P SCRIPTDIR $(SCRIPTS) tests/system/*.bash tests/system/cases/*.sh tests/system/cases/unplugged/*.sh tests/system/cases/packages/*.sh; \
	else echo "SKIP: shellcheck is not installed"; fi
	@packaging/verify-units $(UNITS)
	@packaging/verify-apparmor packaging/apparmor/ash-sandbox
	@if command -v mkdocs >/dev/null; then packaging/site; else echo "SKIP: mkdocs is not installed"; fi

openapi: ## Write docs/openapi.json anew, from the operations and their types
	ASH_WRITE_OPENAPI=1 $(CARGO) test --locked --features testing --lib wire::openapi

bench: ## Measure; prints tables of p50, p95, p99 and maximum
	$(CARGO) bench --locked --features testing

bench-check: ## Whether a message costs more than its budget, in counts and ratios
	$(CARGO) bench --locked --features testing --bench budget

site: ## Render the documentation into target/site
	@packaging/site

deb: ## Build the Debian packages into target/deb
	packaging/deb

apt-repo: deb ## Make a signed apt repository of them in target/apt
	packaging/apt-repo target/apt target/deb/*.deb

source: ## Make the source package, with all crates, in target/source
	packaging/source

rpm: ## Build the RPM packages into target/rpm
	packaging/rpm

install: manual ## Install what `make build` built; DESTDIR= and PROFILE= are honored
	install -D -m 0755 $(CARGO_TARGET_DIR)/$(PROFILE)/ashd $(DESTDIR)$(sbindir)/ashd
	install -D -m 0755 $(CARGO_TARGET_DIR)/$(PROFILE)/ashctl $(DESTDIR)$(bindir)/ashctl
	install -D -m 0755 -t $(DESTDIR)$(libexecdir)/ash $(addprefix $(CARGO_TARGET_DIR)/$(PROFILE)/,$(LIBEXEC))
	install -D -m 0644 -t $(DESTDIR)$(unitdir) $(UNITS)
	install -D -m 0644 -t $(DESTDIR)$(presetdir) systemd/system-preset/50-ash.preset
	install -D -m 0644 systemd/sysusers.d/ash.conf $(DESTDIR)$(sysusersdir)/ash.conf
	install -D -m 0644 systemd/tmpfiles.d/ash.conf $(DESTDIR)$(tmpfilesdir)/ash.conf
	install -D -m 0644 -t $(DESTDIR)$(sharedir)/apparmor packaging/apparmor/ash-sandbox
	install -D -m 0644 -t $(DESTDIR)$(mandir)/man1 $(manual)/man1/*.1
	install -D -m 0644 -t $(DESTDIR)$(mandir)/man5 $(manual)/ash.toml.5
	install -D -m 0644 -t $(DESTDIR)$(mandir)/man7 man/ash-agent.7
	install -D -m 0644 -t $(DESTDIR)$(mandir)/man8 man/ashd.8
	install -D -m 0644 $(manual)/completions/ashctl.bash $(DESTDIR)$(bashcompletiondir)/ashctl
	install -D -m 0644 -t $(DESTDIR)$(zshcompletiondir) $(manual)/completions/_ashctl
	install -D -m 0644 -t $(DESTDIR)$(fishcompletiondir) $(manual)/completions/ashctl.fish
	install -D -m 0644 -t $(DESTDIR)$(docdir) LICENSE-APACHE LICENSE-MIT

.PHONY: help build manual demo test test-faults fuzz test-release check openapi bench bench-check site deb apt-repo rpm install
