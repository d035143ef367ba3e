#!/bin/sh
# What `pith pack` makes boots without pith, in QEMU's machines, translated (TCG): a file for
# boot loaders, disks by BIOS and UEFI; and the descriptions for libvirt and firecracker.
. test/net_lib.sh

pith=$PWD/build/pith
crash=$PWD/build/test/crash.pith
said=$net_tmp/said
cd "$net_tmp" || exit 1
if ! command -v qemu-system-x86_64 >/dev/null; then
    skip 'pack: qemu-system-x86_64 is not installed (Debian: qemu-system-x86)'
    exit 0
fi
boots() { # QEMU ARG …
    timeout 60 qemu-system-x86_64 -accel tcg -cpu max -nodefaults -no-user-config -display none \
        -serial "file:$said" -no-reboot "$@" </dev/null
}
says() { grep -q "$1" "$said"; }

# ---- a file for boot loaders
"$pith" pack "$crash" -o crash.elf --how nothing >said.out
check pack_elf_boots boots -M microvm -m 8 -kernel crash.elf
check pack_elf_has_the_keys says '^crash: invalid'
same_image() {
    python3 - "$1" "$2" <<'END'
import struct, sys
packed, image = (open(name, "rb").read() for name in sys.argv[1:])
at = packed.rindex(b"PithPack")
image_at, image_n = struct.unpack_from("<QQ", packed, at + 24)
sys.exit(packed[at + image_at:][:image_n] != image)
END
}
check pack_elf_holds_the_image_unchanged same_image crash.elf "$crash"
"$pith" pack "$crash" -o crash.elf --how bounds >said.out
boots -M microvm -m 8 -kernel crash.elf
check pack_report_on_the_console says '^  lines    pith symbolize crash 0x'
"$pith" pack "$crash" -o crash.elf --how stop >said.out
power_button() {
    (
        for try in 1 2 3 4 5 6 7 8 9; do
            sleep 0.5
            says waiting && break
        done
        echo system_powerdown
        sleep 10
    ) | timeout 20 qemu-system-x86_64 -M q35 -m 16 -accel tcg -cpu max -nodefaults -display none \
        -serial "file:$said" -monitor stdio -no-reboot -kernel crash.elf >/dev/null && says stopped
}
check pack_power_button power_button
mkdir site && echo hi >site/index.html
"$pith" pack web site -o web.elf --json >json
check pack_json python3 -c 'import json; j = json.load(open("json")); assert j["bytes"] > 90000, j'

# ---- the memory that it asks for is enough, wherever the pack ends
starts() { # MACHINE DEVICE: as far as its network
    "$pith" pack web site -o full.elf --ip 10.9.0.2/24 --json >full.json || return 1
    mib=$(python3 -c 'import json; print(json.load(open("full.json"))["machine_mib"])')
    : >"$said"
    timeout 60 qemu-system-x86_64 -accel tcg -cpu max -nodefaults -display none -serial "file:$said" \
        -global virtio-mmio.force-legacy=off -M "$1" -m "$mib" -kernel full.elf \
        -netdev hubport,id=net,hubid=0 -device "$2,netdev=net" 2>/dev/null &
    started() { says .; }
    wait_for 100 started
    kill $!
    wait $!
    says '^net: 10.9.0.2'
}
for kib in 200 300 400 500; do
    head -c ${kib}K /dev/urandom >site/filler
    check pack_says_how_much_memory_is_enough_for_${kib}_kib starts q35 virtio-net-pci
done
check pack_microvm_finds_its_network starts microvm,acpi=off virtio-net-device
check pack_starts_behind_an_iommu_that_is_off starts q35 virtio-net-pci,disable-legacy=on,iommu_platform=on
rm site/filler

# ---- disks
"$pith" pack hello -o "$net_tmp/dir/none.raw" --format raw 2>said.err
check pack_refuses_a_missing_folder grep -q 'No such file' said.err
PATH=/nowhere "$pith" pack hello -o hello.raw --format raw 2>said.err
check pack_names_the_packages grep -q 'apt-get install grub-common' said.err
if command -v grub-mkrescue >/dev/null && [ -d /usr/lib/grub/i386-pc ]; then
    "$pith" pack hello -o hello.raw --format raw >said.out || cat said.out
    check pack_raw_boots_by_bios boots -M q35 -m 32 -drive file=hello.raw,format=raw
    check pack_raw_says_hello says '^hello, world'
    if command -v qemu-img >/dev/null; then
        "$pith" pack hello -o hello.qcow2 --format qcow2 >said.out || cat said.out
        check pack_qcow2_boots boots -M q35 -m 32 -drive file=hello.qcow2,format=qcow2
        check pack_qcow2_says_hello says '^hello, world'
    else
        skip pack_qcow2: qemu-img is not installed
    fi
    if [ -e /usr/share/ovmf/OVMF.fd ] && [ -d /usr/lib/grub/x86_64-efi ]; then
        boots -M q35 -m 256 -bios /usr/share/ovmf/OVMF.fd -drive file=hello.raw,format=raw
        check pack_raw_boots_by_uefi says 'hello, world'
    else
        skip pack_uefi: ovmf or grub-efi-amd64-bin is not installed
    fi
else
    skip pack_raw: grub-mkrescue or grub-pc-bin is not installed
fi

# ---- descriptions
"$pith" pack web site -o web.xml --format libvirt >said.out || cat said.out
well_formed() {
    python3 -c 'import xml.dom.minidom as m; d = m.parse("web.xml"); k = d.getElementsByTagName("kernel")[0]
open(k.firstChild.data, "rb").read()'
}
check pack_libvirt_names_its_file well_formed
"$pith" pack web site -o fc.json --format firecracker >said.out || cat said.out
check pack_firecracker_names_its_file python3 -c '
import json; c = json.load(open("fc.json")); open(c["boot-source"]["kernel_image_path"], "rb").read()
assert c["machine-config"]["mem_size_mib"] >= 4 and len(c["network-interfaces"]) == 1'

# ---- mistakes
refuses() { # NAME WORDS ARG …
    name=$1 words=$2
    shift 2
    "$pith" pack "$@" >said.out 2>&1
    [ $? = 2 ] && grep -q -- "$words" said.out && ok "pack_refuses_$name" || not_ok "pack_refuses_$name"
}
refuses no_output 'name the file' hello
refuses a_format 'elf, raw, qcow2' hello --format iso -o x
refuses a_key 'no key --prot' web site --prot 80 -o x
refuses no_data 'needs data' web -o x
check pack_leaves_nothing_behind [ -z "$(find . -name '*.d' -o -name '*.tmp')" ]
finish
