# Continuo. `make` or `make help` says what there is to do.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= $(HOME)/.local
LV2_DIR ?= $(HOME)/.lv2
BUILD := build
PLUGINS := pitch synth bass
BUNDLES := $(PLUGINS:%=$(BUILD)/lv2/continuo-%.lv2)
PROGRAM := $(BUILD)/bin/continuo
MODELS := $(or $(CONTINUO_MODELS),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/continuo/models)
# What is installed stays out of it: the bundles just built are meant.
export LV2_PATH := $(CURDIR)/$(BUILD)/lv2:/usr/local/lib/lv2:/usr/lib/lv2

# Swift decides what is out of date; these always ask it.
.PHONY: help run test test-plugins build bundles program docs install uninstall clean bench bench-peers bench-realtime soak models \
  check-swift

help:
	@echo "make run [INPUT=my.wav]  the demonstration: tracks a recording through JACK, plays a tune; results in build/demo"
	@echo "make test                all tests"
	@echo "make test-plugins        every LV2 plugin that is installed, in our host (FILTER=calf: those with that in their name)"
	@echo "make build               the program (build/bin/continuo) and the plugins (build/lv2)"
	@echo "make install             plugins into ~/.lv2 (LV2_DIR), program into ~/.local/bin (PREFIX)"
	@echo "make uninstall           takes them away again"
	@echo "make bench               benchmarks: kernels, CREPE, a chain of plugins beside jalv, ten real-time minutes (MINUTES=1 for fewer)"
	@echo "make soak                two hours of all that may be done to the host (SECONDS=600 for ten minutes); build/soak.tsv, .png"
	@echo "make bench-peers         accuracy and speed beside other pitch trackers (installs Python packages)"
	@echo "make clean               removes what was built"

check-swift:
	@command -v swift >/dev/null || { echo "Continuo is written in Swift, and there is no 'swift' here. Get the toolchain (6.3 or later)" \
	  "from https://www.swift.org/install/linux/ (for Debian 12: 'swiftly' or the tar file), put its usr/bin on your PATH, and try" \
	  "again." >&2; exit 1; }

build: program bundles

program: check-swift
	swift build -c release --product continuo
	@mkdir -p $(BUILD)/bin
	@cmp -s .build/release/continuo $(PROGRAM) || install -m 755 .build/release/continuo $(PROGRAM)
	@mkdir -p $(BUILD)/share/continuo/models
	@cp -u models/*.safetensors $(BUILD)/share/continuo/models/
	@mkdir -p $(BUILD)/share/continuo/styles
	@cp -u presets/bass/styles/*.flac $(BUILD)/share/continuo/styles/
	@mkdir -p $(BUILD)/share/continuo/patches
	@cp -u presets/patches/*.toml $(BUILD)/share/continuo/patches/

bundles: check-swift
	@for plugin in $(PLUGINS); do \
	  CONTINUO_EMBEDDED=1 swift build -c release --scratch-path .build-embedded --product Continuo$${plugin^}; \
	  ./Plugins/bundle.sh $$plugin .build-embedded/release/libContinuo$${plugin^}.so $(BUILD)/lv2; \
	done

# CREPE's weights, in the user's data folder: benchmarks compare with it.
models: program
	@$(PROGRAM) models get crepe-tiny

# The plugin offers CREPE beside its own network; without a line to the outside the demonstration goes on without it.
run: build
	@$(PROGRAM) models get crepe-tiny || echo "going on without CREPE, which is not needed here"
	@./demo/run.sh "$(INPUT)"

test: build
	@./Tests/run.sh

# The plugins of Debian's packages are looked for where they are, too.
test-plugins: build
	@./Tests/plugins.py $(PROGRAM) $(BUILD)/tests/plugins.tsv "$(FILTER)"

# The manual page and the reference of commands; after a change of them.
docs: program
	@$(PROGRAM) --experimental-dump-help | python3 docs/manual.py >docs/continuo.1
	@$(PROGRAM) host --list-commands >docs/COMMANDS.md

install: build
	@mkdir -p "$(PREFIX)/bin" "$(PREFIX)/share/continuo/models" "$(PREFIX)/share/continuo/styles" \
	  "$(PREFIX)/share/continuo/patches" "$(LV2_DIR)"
	@install -m 755 $(PROGRAM) "$(PREFIX)/bin/continuo"
	@install -m 644 models/*.safetensors "$(PREFIX)/share/continuo/models/"
	@install -m 644 presets/bass/styles/*.flac "$(PREFIX)/share/continuo/styles/"
	@install -m 644 presets/patches/*.toml "$(PREFIX)/share/continuo/patches/"
	@for plugin in $(PLUGINS); do \
	  rm -rf "$(LV2_DIR)/continuo-$$plugin.lv2"; cp -r $(BUILD)/lv2/continuo-$$plugin.lv2 "$(LV2_DIR)/"; done
	@mkdir -p "$(PREFIX)/share/man/man1" "$(PREFIX)/share/bash-completion/completions" "$(PREFIX)/share/zsh/site-functions" \
	  "$(PREFIX)/share/fish/vendor_completions.d"
	@install -m 644 docs/continuo.1 "$(PREFIX)/share/man/man1/"
	@$(PROGRAM) --generate-completion-script bash >"$(PREFIX)/share/bash-completion/completions/continuo"
	@$(PROGRAM) --generate-completion-script zsh >"$(PREFIX)/share/zsh/site-functions/_continuo"
	@$(PROGRAM) --generate-completion-script fish >"$(PREFIX)/share/fish/vendor_completions.d/continuo.fish"
	@echo "installed $(PREFIX)/bin/continuo and $(PLUGINS:%=$(LV2_DIR)/continuo-%.lv2)"

uninstall:
	@rm -f "$(PREFIX)/bin/continuo" "$(PREFIX)/share/man/man1/continuo.1" "$(PREFIX)/share/bash-completion/completions/continuo" \
	  "$(PREFIX)/share/zsh/site-functions/_continuo" "$(PREFIX)/share/fish/vendor_completions.d/continuo.fish"
	@for model in models/*.safetensors; do rm -f "$(PREFIX)/share/continuo/models/$$(basename $$model)"; done
	@for style in presets/bass/styles/*.flac; do rm -f "$(PREFIX)/share/continuo/styles/$$(basename $$style)"; done
	@for patch in presets/patches/*.toml; do rm -f "$(PREFIX)/share/continuo/patches/$$(basename $$patch)"; done
	@rmdir --ignore-fail-on-non-empty "$(PREFIX)/share/continuo/models" "$(PREFIX)/share/continuo/styles" "$(PREFIX)/share/continuo/patches" \
	  "$(PREFIX)/share/continuo" 2>/dev/null || true
	@for plugin in $(PLUGINS); do rm -rf "$(LV2_DIR)/continuo-$$plugin.lv2"; done

bench: build models
	@./Benchmarks/run.sh

bench-realtime: build models
	@./Benchmarks/realtime.sh
	@./Benchmarks/realtime-bass.sh

# In seconds; bash's own SECONDS stays out of it.
soak: build
	@./Tests/soak.py --seconds $(if $(filter command line,$(origin SECONDS)),$(SECONDS),7200) --progress --table $(BUILD)/soak.tsv \
	  --plot $(BUILD)/soak.png

bench-peers: build models
	@./training/peers/run.sh

clean:
	rm -rf $(BUILD) .build .build-embedded .build-tsan
