#!/usr/bin/env bash
# Builds the image from the Dockerfile, without a container engine and without an image registry,
# and runs what came out (tests/stack/image.py). Needs root, and from Debian: buildah, debootstrap.
# Takes as long as an optimised build of everything.
#
# The builder's image, which would come from a registry, is made here under the name that the
# Dockerfile says: Debian by debootstrap, and the Rust that is installed, in the version that the
# Dockerfile says. Crates come along in Cargo's own cache, so the build needs no network.
#
#   IMAGE_TEST_FOLDER  where images are kept (default target/image-test; some 3 GB)
#   DEBIAN_MIRROR      where debootstrap downloads from (default: its own)
set -euo pipefail
cd "$(dirname "$0")/.."
# A long build must not disturb what else runs here.
renice -n 10 $$ >/dev/null
folder=$(mkdir -p "${IMAGE_TEST_FOLDER:-target/image-test}" && cd "${IMAGE_TEST_FOLDER:-target/image-test}" && pwd)

for tool in buildah debootstrap; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed: apt-get install $tool" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "this needs root" >&2; exit 1; }
buildah() {
    command buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs "$@"
}

builder=$(sed -n 's/^FROM \(rust:[^ ]*\) AS build$/\1/p' Dockerfile)
version=${builder#rust:} version=${version%%-*}
suite=${builder##*-}
made=localhost/$builder

make_builder() {
    case "$(rustc --version)" in
    "rustc $version "*) ;;
    *) echo "the Dockerfile builds with Rust $version, here is $(rustc --version)" >&2; exit 1 ;;
    esac
    cargo fetch --locked
    local container root crates
    container=$(buildah from scratch)
    root=$(buildah mount "$container")
    debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates "$suite" "$root" \
        ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$folder/debootstrap.log"
    rm -rf "$root"/var/cache/apt/archives/*.deb
    mkdir -p "$root/usr/local/toolchain" "$root/usr/local/cargo/registry"
    tar -C "$(rustc --print sysroot)" --exclude=./share -c . | tar -C "$root/usr/local/toolchain" -x
    crates=${CARGO_HOME:-$HOME/.cargo}
    cp -a "$crates/registry/cache" "$crates/registry/index" "$root/usr/local/cargo/registry/"
    # Where crates are said to come from decides where in its cache Cargo looks.
    for settings in config.toml config; do
        [ ! -f "$crates/$settings" ] || cp "$crates/$settings" "$root/usr/local/cargo/"
    done
    buildah config --env CARGO_HOME=/usr/local/cargo --env CARGO_NET_OFFLINE=true \
        --env PATH=/usr/local/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah umount "$container" >/dev/null
    buildah commit --rm --quiet "$container" "$made" >/dev/null
}

# What an interrupted build left behind.
buildah rm --all >/dev/null
# Its crates are those of one Cargo.lock.
if ! buildah inspect --type image "$made" >/dev/null 2>&1 || ! cmp -s Cargo.lock "$folder/Cargo.lock"; then
    make_builder
    cp Cargo.lock "$folder/Cargo.lock"
fi

buildah bud --isolation chroot --format docker --pull-never --tag bongsu:test \
    --build-arg BONGSU_REVISION="$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)" .
buildah inspect --type image bongsu:test >"$folder/inspected.json"
container=$(buildah from --pull-never bongsu:test)
trap 'buildah rm "$container" >/dev/null' EXIT
root=$(buildah mount "$container")
"${PYTHON:-python3}" tests/stack/image.py "$root" "$folder/inspected.json"
