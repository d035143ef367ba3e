# Pith, from top to bottom: packages, the profile images are built under, the
# command, the images, the tests. `make` builds everything into build/.
#
#   make         the command build/pith and the catalogue build/NAME.pith
#   make run     builds, then serves the documentation on http://127.0.0.1:8080/
#   make test    all tests            make check   the house's rules, in seconds
#   make bench   against nginx        make fuzz    every decoder, for long
#   make format  lays the code out    make long    simulated days
#   make coverage  what tests and fuzzing reach
#   make prove   that no input makes a decoder fail

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all run install test check format bench fuzz long coverage clean build-packages test-packages

CC := clang-19
B := build

# Says what is made, a line each; make V=1 shows the commands too.
step = @mkdir -p $(@D) && echo "  $@"
ifndef V
.SILENT:
endif

all: $(B)/pith images $(B)/lib/libpith.a

# ---- packages ---------------------------------------------------------------
# One list, ./packages. What is there already is not asked for again.

build-packages: $(B)/packages-build
test-packages: $(B)/packages-build $(B)/packages-test
$(B)/packages-%: packages pith/install-packages
	@sh pith/install-packages $*
	@mkdir -p $(B) && touch $@

# ---- the profile ------------------------------------------------------------
# Every line of an image is compiled under these flags, in the release build.

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
        -Wimplicit-fallthrough -Wno-missing-field-initializers -Wno-gnu-statement-expression
# doc/safety.md says what each group catches and costs; make bench-profile measures it.
#
# Accesses outside of arrays and objects whose size the compiler knows.
BOUNDS := -fsanitize=bounds,local-bounds,object-size
# Overflow, narrowing, shifts, division.
NUMBERS := -fsanitize=signed-integer-overflow,unsigned-integer-overflow,implicit-integer-truncation \
           -fsanitize=implicit-integer-sign-change,shift,integer-divide-by-zero
# Ends that must not be reached, values that a bool cannot have, builtins called wrongly.
VALUES := -fsanitize=return,unreachable,vla-bound,bool,enum,builtin
# Calls through pointers only to functions of that type (needs whole-program LTO), without the
# list of exemptions that comes with the sanitizers, which is for C++. The name of a function
# stays with its code, not with its entry in the table of targets.
CFI := -fsanitize=cfi -fno-sanitize-ignorelist -fno-sanitize-cfi-canonical-jump-tables
# Each traps with its number, and needs no run-time library.
CHECKS := $(BOUNDS) $(NUMBERS) $(VALUES) -fsanitize-trap=all -fno-sanitize-link-runtime
# A random guard below return addresses.
PROTECTOR := -fstack-protector-strong -mstack-protector-guard=global
# Locals begin as zeroes.
ZEROED := -ftrivial-auto-var-init=zero
# One page at a time down the stack, so that no frame jumps over the guard page.
CLASH := -fstack-clash-protection
# No optimisation may take undefined behaviour for granted.
DEFINED := -fno-strict-aliasing -fno-delete-null-pointer-checks -fstrict-flex-arrays=3
# Call stacks in reports.
FRAMES := -fno-omit-frame-pointer
LTO := -flto=full
DIALECT := -std=gnu11 $(DEFINED) -I.
# For size, except for the few files that every request spends its time in: those with -Os.
# So web has 123 KB; it had 133 with -Os everywhere, 208 with -O2, and is no slower where it
# was measured, since the time goes into the host's calls.
OPTIMIZE = -Oz
HOT := base/codec.c base/hash.c base/list.c base/map.c base/mem.c base/view.c wire/bundle.c \
       wire/http.c
PROFILE = $(DIALECT) $(WARN) $(OPTIMIZE) -g -ffreestanding -fPIE -fvisibility=hidden -ffunction-sections \
          -fdata-sections $(FRAMES) $(CHECKS) $(CFI) $(LTO) $(PROTECTOR) $(ZEROED) $(CLASH)
# Views, not pointers: outside of base/, fiber/ and host/ no pointer is indexed or moved.
STRICT := -Werror=unsafe-buffer-usage
# A number that is cut says so; `pith build` asks that with --strict only, since it traps in
# any case. test/images breaks rules on purpose.
NARROW := -Wshorten-64-to-32 -Wimplicit-int-conversion -Wsign-conversion
$(B)/image/test/%: NARROW :=

# Objects are made again when the flags are others, not only when sources are.
FLAGS := $(B)/gen/flags
$(shell mkdir -p $(B)/gen; echo '$(PROFILE) $(HOT)' | cmp -s - $(FLAGS) || echo '$(PROFILE) $(HOT)' >$(FLAGS))

# The linker does not check the compiler's own intermediate code: that is a sixth of its time.
IMAGE_LINK := -fuse-ld=lld-19 -nostdlib -static-pie $(CFI) $(LTO) -O2 -Wl,--gc-sections,--no-dynamic-linker \
              -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,max-page-size=4096 \
              -Wl,--pack-dyn-relocs=relr,--build-id=sha1,-e,guest_entry,--fatal-warnings,--disable-verify
# make ORDER=SEED: everything in an order of one's own, as `pith build --order` gives. Without
# it the same sources give the same images everywhere, which can be compared.
IMAGE_LINK += $(if $(ORDER),$(foreach s,.text .rodata .data .bss,-Wl,--shuffle-sections=$(s)*=$(ORDER)))
# An image keeps the symbols of its functions and objects, for gdb, perf and reports; not the
# compiler's own: sizes of tables, and the tables' entries beside the functions themselves.
IMAGE_FINISH := llvm-objcopy-19 --strip-debug --remove-section=.comment --wildcard \
                --strip-symbol=__typeid_* --strip-symbol=*.cfi_jt

# ---- image libraries ----------------------------------------------------------
# LTO objects of every room that may be in an image; the linker takes what is called.

LOOSE_ROOMS := base fiber host/guest
STRICT_ROOMS := wire net store lib
IMAGE_C := $(wildcard $(addsuffix /*.c,$(LOOSE_ROOMS) $(STRICT_ROOMS)) lib/*/*.c)
IMAGE_S := $(wildcard fiber/*.S host/guest/*.S)
IMAGE_O := $(IMAGE_C:%.c=$(B)/image/%.o) $(IMAGE_S:%.S=$(B)/image/%.o)
$(HOT:%.c=$(B)/image/%.o): OPTIMIZE = -Os

$(B)/image/base/%.o: base/%.c $(FLAGS) | build-packages
	$(step)
	$(CC) $(PROFILE) -MMD -c $< -o $@
$(B)/image/fiber/%.o: fiber/%.c $(FLAGS) | build-packages
	$(step)
	$(CC) $(PROFILE) -MMD -c $< -o $@
$(B)/image/host/%.o: host/%.c $(FLAGS) | build-packages
	$(step)
	$(CC) $(PROFILE) -MMD -c $< -o $@
$(B)/image/%.o: %.c $(FLAGS) | build-packages
	$(step)
	$(CC) $(PROFILE) $(STRICT) $(NARROW) -MMD -c $< -o $@
$(B)/image/%.o: %.S | build-packages
	$(step)
	$(CC) -I. -g -MMD -c $< -o $@

# For `pith build`: the same objects in one file, and the flags as C strings. What an
# application spends its time in is not known here, so it is compiled as HOT is.
$(B)/lib/libpith.a: $(IMAGE_O)
	$(step)
	@rm -f $@.new
	llvm-ar-19 qcs $@.new $^
	@mv $@.new $@
c_words = $(foreach word,$1,"$(word)",)
$(B)/gen/profile.h: Makefile
	$(step)
	@echo '#define PROFILE_CC "$(CC)"' >$@
	@echo '#define PROFILE_COMPILE $(call c_words,$(patsubst -Oz,-Os,$(filter-out -I.,$(PROFILE))) \
	    $(STRICT))' >>$@
	@echo '#define PROFILE_NARROW $(call c_words,$(NARROW))' >>$@
	@echo '#define PROFILE_LINK $(call c_words,$(IMAGE_LINK))' >>$@
	@echo '#define PROFILE_FINISH $(call c_words,$(IMAGE_FINISH))' >>$@

# ---- the catalogue ------------------------------------------------------------

APPLIANCES := $(notdir $(patsubst %/,%,$(dir $(wildcard appliance/*/main.c))))
images: $(APPLIANCES:%=$(B)/%.pith)
.PHONY: images
.SECONDARY:

# The image keeps its symbols; its debug information lies beside it.
define link-image
$(step)
$(CC) $(IMAGE_LINK) $(filter $(B)/image/appliance/% $(B)/image/examples/% $(B)/image/test/%,$^) \
    -Wl,--start-lib $(IMAGE_O) -Wl,--end-lib -o $(@:.pith=.debug)
$(IMAGE_FINISH) $(@:.pith=.debug) $@
$(B)/gen/seal $@
endef
.SECONDEXPANSION:
APPLIANCE_O = $(addprefix $(B)/image/,$(addsuffix .o,$(basename $(wildcard appliance/$*/*.[cS]))))
$(APPLIANCES:%=$(B)/%.pith): $(B)/%.pith: $$(APPLIANCE_O) $(IMAGE_O) $(B)/gen/seal
	$(link-image)
# A checksum at its end, so that a damaged image is refused.
$(B)/gen/seal: pith/tool/seal.c wire/seal.c $(filter-out base/mem.c,$(wildcard base/*.c)) | build-packages
	$(step)
	gcc -O2 -Wall -Werror -Wno-unknown-pragmas -Wno-attributes -I. $^ -o $@

# ---- the metal host -----------------------------------------------------------------
# The keel and the drivers above it, in one file for boot loaders (host/metal/link.ld). The
# drivers are built as images are; the keel, which is ring 0, without vector registers.

KEEL := $(DIALECT) $(WARN) -Os -g -ffreestanding -fno-pie -ffunction-sections -fdata-sections -mno-red-zone \
        -mgeneral-regs-only -fno-stack-protector $(CHECKS)
KEEL_O := $(patsubst host/%.c,$(B)/%.o,$(wildcard host/metal/keel/*.c)) $(B)/metal/keel/keel.S.o
METAL_C := $(wildcard host/metal/*.c host/report/*.c)
METAL_O := $(METAL_C:%.c=$(B)/image/%.o) $(B)/image/host/metal/call.o
METAL_LINK := -fuse-ld=lld-19 -nostdlib -static $(CFI) $(LTO) -O2 -Wl,--gc-sections,-z,max-page-size=4096 \
              -Wl,-z,noexecstack,--build-id=none,--fatal-warnings,-T,host/metal/link.ld

$(B)/metal/keel/%.o: host/metal/keel/%.c $(FLAGS) | build-packages
	$(step)
	$(CC) $(KEEL) -MMD -c $< -o $@
$(B)/metal/keel/%.S.o: host/metal/keel/%.S | build-packages
	$(step)
	$(CC) -I. -g -MMD -c $< -o $@
$(B)/metal/metal.debug: $(KEEL_O) $(METAL_O) $(IMAGE_O) host/metal/link.ld
	$(step)
	$(CC) $(METAL_LINK) $(KEEL_O) $(METAL_O) \
	    -Wl,--start-lib $(filter $(B)/image/base/% $(B)/image/wire/%,$(IMAGE_O)) -Wl,--end-lib -o $@
$(B)/metal/metal.elf: $(B)/metal/metal.debug
	llvm-objcopy-19 --strip-all $< $@

# ---- the command ----------------------------------------------------------------
# Static, with musl: it starts in half the time of a static glibc.

MUSL := musl-gcc -std=gnu11 -O2 -g -static -no-pie -fno-pie -I. -I$(B)/gen -Wall -Wextra -Werror -Wshadow \
        -Wstrict-prototypes -Wmissing-prototypes -Wno-unknown-pragmas -Wno-missing-field-initializers \
        -Wno-attributes -D_GNU_SOURCE -fstack-protector-strong -fno-omit-frame-pointer \
        -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
# What a start runs through comes first, so that it lies together: fewer page faults.
START_C := $(addprefix host/process/,load.c process.c sandbox.c table.c) \
           $(addprefix pith/,common.c run.c image.c main.c run_args.c) \
           $(addprefix wire/,elf.c manifest.c seal.c) $(filter-out base/mem.c,$(wildcard base/*.c))
PITH_C := $(START_C) $(filter-out $(START_C) host/kvm/shim.c, \
          $(wildcard pith/*.c $(addsuffix /*.c,host/process host/kvm host/report) wire/*.c))
PITH_O := $(PITH_C:%.c=$(B)/pith.d/%.o) $(B)/pith.d/pith/metal_elf.o

FILTERS := $(addprefix $(B)/gen/,filter.h filter_kvm.h filter_block.h)
$(B)/pith.d/%.o: %.c $(FILTERS) $(B)/gen/shim_bytes.h $(FLAGS) | build-packages
	$(step)
	$(MUSL) -MMD -c $< -o $@
	@objcopy --rename-section .bss=.bss.zlast $@
$(B)/pith.d/pith/metal_elf.o: pith/metal_elf.S $(B)/metal/metal.elf
	$(step)
	$(MUSL) -I$(B) -c $< -o $@
$(B)/pith.d/pith/build.o: $(B)/gen/profile.h
$(B)/pith.d/pith/new.o: $(B)/gen/template.h
# What `pith new` writes is the example itself, as C strings.
c_string = sed -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/'
$(B)/gen/template.h: examples/greeter/main.c examples/greeter/README.md
	$(step)
	@{ echo 'static const char TEMPLATE_MAIN[] ='; $(c_string) $<; echo ';'; \
	   echo 'static const char TEMPLATE_README[] ='; $(c_string) $(word 2,$^); echo ';'; } >$@
# One mapping for headers, code and constants, and what a start writes side by side:
# data, START_BSS, the C library's, in the order of their names, and what is large last. A
# fifth of a start is page faults. musl does not apply RELRO to a static program in any case.
# Nothing lies in the lowest GiB, where null pointers to large objects lead.
$(B)/pith: $(PITH_O)
	$(step)
	$(MUSL) -Wl,-z,noseparate-code,-z,norelro,--sort-section=name,-Ttext-segment=0x60000000 $^ \
	    /usr/lib/x86_64-linux-gnu/libz.a -o $@.debug
	llvm-objcopy-19 --strip-debug $@.debug $@

# The sandbox's filter is compiled by libseccomp here, not at every start.
$(B)/gen/filter.h: host/process/tool/filter.c host/process/process.h | build-packages
	$(step)
	gcc -O1 -Wall -Werror -I. $< -lseccomp -o $(B)/gen/filter
	$(B)/gen/filter > $@
$(B)/gen/filter_%.h: $(B)/gen/filter.h
	$(step)
	$(B)/gen/filter $* > $@

# The kvm host's shim, which runs in the guest: one page of code, as a C array.
$(B)/gen/shim_bytes.h: host/kvm/shim.c host/kvm/shim.ld host/kvm/shim.h host/host.h | build-packages
	$(step)
	$(CC) $(DIALECT) $(WARN) -O2 -ffreestanding -fPIE -fvisibility=hidden -fno-builtin -fno-stack-protector \
	    -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-asynchronous-unwind-tables \
	    -c $< -o $(B)/gen/shim.o
	ld.lld-19 -T host/kvm/shim.ld $(B)/gen/shim.o -o $(B)/gen/shim.elf
	llvm-objcopy-19 -O binary $(B)/gen/shim.elf $(B)/gen/shim.bin
	{ echo 'static const unsigned char shim_bytes[] = {'; \
	   od -An -v -tu1 $(B)/gen/shim.bin | sed 's/  */,/g; s/^,//; s/$$/,/'; echo '};'; } >$@

# ---- installation ---------------------------------------------------------------
# The command finds everything else from where it lies itself (pith/toolkit.h).

PREFIX := /usr/local
HEADERS := $(wildcard $(addsuffix /*.h,base sig wire fiber net store lib lib/*))
install: all
	install -D -m 755 $(B)/pith $(DESTDIR)$(PREFIX)/bin/pith
	install -D -m 644 $(B)/lib/libpith.a $(DESTDIR)$(PREFIX)/lib/pith/libpith.a
	install -d $(DESTDIR)$(PREFIX)/lib/pith/images
	install -m 644 $(APPLIANCES:%=$(B)/%.pith) $(APPLIANCES:%=$(B)/%.debug) $(DESTDIR)$(PREFIX)/lib/pith/images
	@for h in $(HEADERS); do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/share/pith/include/$$h; done

# ---- the example site -------------------------------------------------------------
# README.md and doc/ as HTML, served by the appliance web. make run PORT=8081: elsewhere.

SITE := $(B)/site
PORT := 8080
$(SITE)/index.html: README.md $(wildcard doc/*.md doc/site/*) | build-packages
	@sh doc/site/render $(SITE)
run: all $(SITE)/index.html
	@echo "http://127.0.0.1:$(PORT)/ shows the documentation; ^C ends it"
	@$(B)/pith run web $(SITE) -p $(PORT):80

# ---- tests ------------------------------------------------------------------------
# test/NAME_test.c are programs over the same code, compiled natively with the same
# checks, on the simulator (host/sim). test/NAME_test.sh use the real thing.

NATIVE := $(CC) $(DIALECT) $(WARN) -Wno-missing-prototypes -O1 -g -D_GNU_SOURCE -fno-omit-frame-pointer \
          -I$(B)/gen $(CHECKS) -ftrivial-auto-var-init=zero
NATIVE_ROOMS := base fiber wire net store lib lib/* host/sim
NATIVE_C := $(filter-out base/mem.c,$(wildcard $(addsuffix /*.c,$(NATIVE_ROOMS)) host/process/net*.c)) \
            $(wildcard host/process/pcap.c)
NATIVE_O := $(NATIVE_C:%.c=$(B)/native/%.o) $(patsubst %.S,$(B)/native/%.o,$(wildcard fiber/*.S))
TESTS := $(patsubst test/%.c,$(B)/test/%,$(wildcard test/*_test.c))

$(B)/native/%.o: %.c $(FLAGS) | build-packages
	$(step)
	$(NATIVE) -MMD -c $< -o $@
$(B)/native/%.o: %.S | build-packages
	$(step)
	$(CC) -I. -MMD -c $< -o $@
$(B)/native/libpith.a: $(NATIVE_O)
	@rm -f $@
	llvm-ar-19 rcs $@ $^
$(B)/test/%_test: $(B)/native/test/%_test.o $(B)/native/libpith.a
	$(step)
	$(CC) -no-pie -g $(filter %.o,$^) $(B)/native/libpith.a -lz -o $@

# test/images/NAME/main.c: images that break rules, linked as the catalogue's are.
TEST_IMAGES := $(patsubst test/images/%/main.c,$(B)/test/%.pith,$(wildcard test/images/*/main.c))
$(TEST_IMAGES): $(B)/test/%.pith: $(B)/image/test/images/%/main.o $(IMAGE_O) $(B)/gen/seal
	$(link-image)
# test/conform/: what every host must do, as an image and, through sig/, on the simulator.
$(B)/test/conform.pith: $(addprefix $(B)/image/test/conform/,signatures.o disk.o table.o)
$(B)/test/conform_sim_test: $(addprefix $(B)/native/test/conform/,signatures.o disk.o)
$(B)/coverage/test/conform_sim_test: $(addprefix $(B)/coverage.d/test/conform/,signatures.o disk.o)
$(B)/test/block_test: $(B)/native/host/process/block.o
$(B)/coverage/test/block_test: $(B)/coverage.d/host/process/block.o
$(addsuffix /host/process/block.o,$(B)/native $(B)/coverage.d): $(B)/gen/filter_block.h

# test/planted/NAME/main.c: appliances that each go wrong in one way, beside the same in
# plain C. make planted: what becomes of each, as build/planted.md and build/planted.json.
PLANTED := $(patsubst test/planted/%/main.c,$(B)/planted/%.pith,$(wildcard test/planted/*/main.c))
$(PLANTED): $(B)/planted/%.pith: $(B)/image/test/planted/%/main.o $(IMAGE_O) $(B)/gen/seal
	$(link-image)
.PHONY: planted planted-images
planted-images: $(PLANTED)
planted: all test-packages $(B)/gen/rules planted-images
	@python3 test/planted/run.py $(addprefix --host ,process kvm) --write $(B)/planted

test: all test-packages $(B)/gen/rules $(TESTS) $(TEST_IMAGES) planted-images fuzzers bench-programs \
      $(SITE)/index.html
	@sh test/run

# test/long/NAME.c: simulated days; each runs shorter in the tests.
LONG := $(patsubst test/long/%.c,$(B)/long/%,$(wildcard test/long/*.c))
$(B)/long/%: $(B)/native/test/long/%.o $(B)/native/libpith.a
	$(step)
	$(CC) -no-pie -g $< $(B)/native/libpith.a -lz -o $@
long: test-packages $(LONG)
	@for t in $(LONG); do $$t || exit 1; done

check: test-packages $(FILTERS) $(addprefix $(B)/gen/,shim_bytes.h profile.h template.h rules)
	@python3 test/check.py
# The rules of image code, which `pith build --strict` asks of users as well.
$(B)/gen/rules: pith/tool/rules.c pith/lex.c $(wildcard pith/rules*.c) \
                $(filter-out base/mem.c,$(wildcard base/*.c)) $(wildcard pith/*.h base/*.h)
	$(step)
	gcc -O2 -Wall -Werror -Wno-unknown-pragmas -Wno-attributes -I. $(filter %.c,$^) -o $@
# gcc's analyser, for what the profile cannot trap: pointers to frames that have returned.
# A null pointer traps by itself.
ANALYZED := $(filter-out base/mem.c,$(IMAGE_C)) $(wildcard appliance/*/*.c examples/*/*.c)
.PHONY: analyze
analyze: $(ANALYZED:%.c=$(B)/analyze/%.ok)
$(B)/analyze/%.ok: %.c | test-packages
	$(step)
	gcc -std=gnu11 -I. -O1 -ffreestanding -Wall -Wextra -Werror -Wno-attributes -Wno-unknown-pragmas \
	    -Wno-missing-field-initializers -fanalyzer -Wno-analyzer-null-dereference \
	    -MMD -MF $(@:.ok=.d) -MT $@ -c $< -o /dev/null
	@touch $@
format:
	clang-format-19 -i $$(git ls-files '*.c' '*.h')

# ---- fuzzing ------------------------------------------------------------------------
# test/fuzz/NAME.c, one a decoder: what would trap in an image ends the run, and so
# does what only the address sanitizer sees. make fuzz SECONDS=600: each so long.

FUZZ_CC := $(CC) $(DIALECT) $(WARN) -Wno-missing-prototypes -g -D_GNU_SOURCE -fno-omit-frame-pointer $(CHECKS)
FUZZ := $(FUZZ_CC) -O1 -fsanitize=fuzzer-no-link,address
FUZZ_DRIVERS := $(addprefix host/metal/,virtio.c mmio.c virtio_pci.c net.c block.c)
FUZZ_O := $(patsubst %.c,$(B)/fuzz.d/%.o,$(filter-out base/mem.c,$(wildcard base/*.c wire/*.c)) \
          $(wildcard host/report/*.c) $(FUZZ_DRIVERS))
FUZZERS := $(patsubst test/fuzz/%.c,$(B)/fuzz/%,$(wildcard test/fuzz/*.c))
SECONDS := 60
.PHONY: fuzzers

$(B)/fuzz.d/%.o: %.c $(FLAGS) | test-packages
	$(step)
	$(FUZZ) -MMD -c $< -o $@
$(B)/fuzz/%: $(B)/fuzz.d/test/fuzz/%.o $(FUZZ_O)
	$(step)
	$(CC) -g -fsanitize=fuzzer,address $^ -o $@
# Not a decoder, but as exposed: the kvm host's side of the pages that it shares with a guest.
$(B)/fuzz/shim: $(B)/fuzz.d/host/kvm/calls.o
# test/fuzz/whole/NAME.c: whole stacks and servers on the simulator, without the address
# sanitizer, which does not know of fibers' stacks.
# They are guided by what is reached alone: what is compared costs half of the time.
WHOLE := $(FUZZ_CC) -O2 -fsanitize-coverage=inline-8bit-counters,pc-table
WHOLE_O := $(NATIVE_C:%.c=$(B)/whole.d/%.o) $(patsubst %.S,$(B)/whole.d/%.o,$(wildcard fiber/*.S))
FUZZERS += $(patsubst test/fuzz/whole/%.c,$(B)/fuzz/%,$(wildcard test/fuzz/whole/*.c))
$(B)/whole.d/%.o: %.c $(FLAGS) | test-packages
	$(step)
	$(WHOLE) -MMD -c $< -o $@
$(B)/whole.d/%.o: %.S | test-packages
	$(step)
	$(CC) -I. -MMD -c $< -o $@
$(B)/whole.d/libpith.a: $(WHOLE_O)
	@rm -f $@
	llvm-ar-19 rcs $@ $^
$(B)/fuzz/%: $(B)/whole.d/test/fuzz/whole/%.o $(B)/whole.d/libpith.a
	$(step)
	$(CC) -no-pie -g -fsanitize=fuzzer $^ -lz -o $@
# Whole images under the fuzz host (host/fuzz): image_NAME with the image linked in, so that
# coverage guides; release_NAME runs the file that is released. NAME.pith beside them is that
# file. The image's data get sections of their own, as they are put back before each session.
FUZZ_IMAGES := web echo hello greeter proxy
FUZZ_HOST_O := $(patsubst %.c,$(B)/whole.d/%.o,$(filter-out %/load.c %/linked.c,$(wildcard host/fuzz/*.c))) \
               $(addprefix $(B)/whole.d/,host/fuzz/load.o test/fuzz/image/session.o)
GUEST_O := $(patsubst %.c,$(B)/whole.d/%.o,$(wildcard host/guest/*.c)) $(B)/whole.d/host/guest/call.o
FUZZERS += $(FUZZ_IMAGES:%=$(B)/fuzz/image_%) $(FUZZ_IMAGES:%=$(B)/fuzz/release_%)
FUZZ_MAIN_O = $(patsubst %.c,$(B)/whole.d/%.o,$(wildcard appliance/$*/*.c examples/$*/*.c))
$(B)/whole.d/image_%.o: $$(FUZZ_MAIN_O) $(GUEST_O) $(B)/whole.d/libpith.a
	$(step)
	ld.lld-19 -r $^ -o $@
	llvm-objcopy-19 --rename-section .data=image_data --rename-section .bss=image_bss $@
LINKED_O := $(addprefix $(B)/whole.d/,host/fuzz/linked.o test/fuzz/image/linked.o)
$(B)/fuzz/image_%: $(B)/whole.d/image_%.o $(LINKED_O) $(FUZZ_HOST_O) $(B)/whole.d/libpith.a \
                   $(B)/fuzz/image_%.pith
	$(step)
	$(CC) -no-pie -g -fsanitize=fuzzer $(filter-out %.pith,$^) -o $@
$(B)/fuzz/release_%: $(B)/whole.d/test/fuzz/image/release.o $(FUZZ_HOST_O) $(B)/whole.d/libpith.a \
                     $(B)/fuzz/release_%.pith
	$(step)
	$(CC) -no-pie -g -fsanitize=fuzzer $(filter-out %.pith,$^) -o $@
$(B)/fuzz/image_%.pith: $(B)/fuzz/%.pith
	ln -f $< $@
$(B)/fuzz/release_%.pith: $(B)/fuzz/%.pith
	ln -f $< $@
$(B)/fuzz/web.pith: $(B)/web.pith $(B)/pith test/fuzz/seeds.py
	$(step)
	python3 test/fuzz/seeds.py $(B)/fuzz/seeds $(B)/fuzz/site
	$(B)/pith bundle $< $(B)/fuzz/site -o $@
$(B)/fuzz/echo.pith $(B)/fuzz/hello.pith: $(B)/fuzz/%.pith: $(B)/%.pith
	$(step)
	cp $< $@
$(B)/fuzz/greeter.pith $(B)/fuzz/proxy.pith: \
    $(B)/fuzz/%.pith: $(B)/image/examples/%/main.o $(IMAGE_O) $(B)/gen/seal
	$(link-image)
fuzzers: $(FUZZERS)
fuzz: fuzzers
	@sh test/fuzz/run $(SECONDS)

# ---- coverage -----------------------------------------------------------------------
# The scenarios and the fuzz targets once more, counting: what they reach of images.

COVERAGE := $(NATIVE) -fprofile-instr-generate -fcoverage-mapping
COVERAGE_O := $(NATIVE_C:%.c=$(B)/coverage.d/%.o) $(patsubst %.S,$(B)/coverage.d/%.o,$(wildcard fiber/*.S))
# What is about the code of hosts, not of images.
UNCOUNTED := $(B)/fuzz/release_% $(addprefix $(B)/fuzz/,report shim virtio)
COVERED := $(patsubst $(B)/%,$(B)/coverage/%,$(TESTS) $(filter-out $(UNCOUNTED),$(FUZZERS)))
FUZZ_SOURCE = $(firstword $(wildcard test/fuzz/$*.c test/fuzz/whole/$*.c))
.PHONY: coverage

$(B)/coverage.d/%.o: %.c $(FLAGS) | test-packages
	$(step)
	$(COVERAGE) -MMD -c $< -o $@
$(B)/coverage.d/%.o: %.S | test-packages
	$(step)
	$(CC) -I. -MMD -c $< -o $@
$(B)/coverage.d/libpith.a: $(COVERAGE_O)
	@rm -f $@
	llvm-ar-19 rcs $@ $^
$(B)/coverage/test/%_test: $(B)/coverage.d/test/%_test.o $(B)/coverage.d/libpith.a
	$(step)
	$(CC) -no-pie -g -fprofile-instr-generate $(filter %.o,$^) $(B)/coverage.d/libpith.a -lz -o $@
$(B)/coverage/fuzz/%: $$(B)/coverage.d/$$(basename $$(FUZZ_SOURCE)).o $(B)/coverage.d/libpith.a
	$(step)
	$(CC) -no-pie -g -fsanitize=fuzzer -fprofile-instr-generate $^ -lz -o $@
# Linked as build/fuzz/image_% are.
counted = $(1:$(B)/whole.d/%=$(B)/coverage.d/%)
$(B)/coverage.d/image_%.o: $$(call counted,$$(FUZZ_MAIN_O)) $(call counted,$(GUEST_O)) \
                           $(B)/coverage.d/libpith.a
	$(step)
	ld.lld-19 -r $^ -o $@
	llvm-objcopy-19 --rename-section .data=image_data --rename-section .bss=image_bss $@
$(B)/coverage/fuzz/image_%: $(B)/coverage.d/image_%.o $(call counted,$(LINKED_O) $(FUZZ_HOST_O)) \
                            $(B)/coverage.d/libpith.a $(B)/fuzz/%.pith
	$(step)
	$(CC) -no-pie -g -fsanitize=fuzzer -fprofile-instr-generate $(filter-out %.pith,$^) -o $@
	ln -f $(B)/fuzz/$*.pith $@.pith
coverage: all $(COVERED)
	@python3 test/fuzz/seeds.py $(B)/fuzz/seeds
	@python3 test/coverage.py $(B)/coverage

# ---- proofs --------------------------------------------------------------------------
# No input makes a decoder fail: Frama-C proves it from the contracts beside the code
# (doc/proofs.md). prove-mutants: it notices a bound made wrong. UNITS="tcp udp": these.

.PHONY: prove prove-mutants
prove: test-packages
	@python3 test/prove/prove.py $(UNITS)
prove-mutants: test-packages
	@python3 test/prove/prove.py --mutants $(UNITS)

# ---- benchmarks ---------------------------------------------------------------------
# bench/*.c are clients and clocks, bench/floor/*.c the least a program can do.

BENCH_C := $(wildcard bench/*.c bench/floor/*.c)
BENCH := $(patsubst %.c,$(B)/bench/%,$(notdir $(BENCH_C)))
HOSTED := gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -I.

$(B)/bench/%: bench/%.c | test-packages
	$(step)
	$(HOSTED) $< -o $@
$(B)/bench/%: bench/floor/%.c | test-packages
	$(step)
	$(HOSTED) $< -o $@
$(B)/bench/replay: bench/replay.c wire/elf.c wire/manifest.c $(filter-out base/mem.c,$(wildcard base/*.c)) \
                   | test-packages
	$(step)
	$(HOSTED) -Wno-unknown-pragmas -Wno-attributes -Wno-missing-field-initializers $^ -o $@
$(B)/bench/hello: bench/floor/hello.c | build-packages
	$(step)
	musl-gcc -static -Os -s $< -o $@
$(B)/bench/pvh: bench/floor/pvh.S | build-packages
	$(step)
	$(CC) --target=i386-linux-gnu -nostdlib -static -fuse-ld=lld-19 \
	    -Wl,-Ttext=0x100000,-e,entry,--build-id=none $< -o $@
.PHONY: bench-programs bench-profile
bench-programs: $(BENCH) $(B)/bench/hello $(B)/bench/pvh
bench: all test-packages bench-programs
	@python3 bench/bench.py $(ARGS)
# What each part of the profile costs: builds the images without it. Eight minutes.
bench-profile: all test-packages bench-programs
	@python3 bench/profile.py $(ARGS)

clean:
	rm -rf $(B)

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
