#!/usr/bin/env bash
# Build the program and put together the root of its image: build-root.sh ARCH CURL ROOT.
#
# ROOT gets the program, the shared libraries that it needs (found by their ELF headers, so it
# works for a foreign ARCH), CA certificates, and papers: licences, dpkg's entry of each package
# (what scanners read), an SBOM. Same sources and packages, same bytes.
set -euo pipefail
cd "$(dirname "$0")/../.."
arch=${1:-$(dpkg --print-architecture)} curl=$2 root=$3
host=$(dpkg-architecture -a"$arch" -qDEB_HOST_GNU_TYPE)
multiarch=$(dpkg-architecture -a"$arch" -qDEB_HOST_MULTIARCH)
version=$(sed -n 's/^project(pullthrough VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
export LC_ALL=C
umask 022

build_program() {
    local cross=()
    [ "$arch" = "$(dpkg --print-architecture)" ] ||
        cross=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${host%%-*}")
    rm -rf build/release
    PKG_CONFIG_LIBDIR=$curl/lib/pkgconfig:/usr/lib/$multiarch/pkgconfig:/usr/share/pkgconfig \
        cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER="$host-gcc" "${cross[@]}" \
        -DPULLTHROUGH_COMMIT="${COMMIT:-unknown}"
    cmake --build build/release -j "$(nproc)" --target pullthrough
    cmake --install build/release --component program --strip --prefix "$root/usr"
}

# Names in the dynamic section of an ELF file, of one tag.
dynamic() { # TAG FILE
    "$host-readelf" -d "$2" | sed -n "s/.*($1).*\[\(.*\)\]$/\1/p"
}

interpreter_of() { # FILE
    "$host-readelf" -lW "$1" | sed -n 's/.*\[Requesting program interpreter: \(.*\)\]$/\1/p'
}

find_library() { # NAME
    local folder
    for folder in "$curl/lib" "/usr/lib/$multiarch" "/lib/$multiarch"; do
        [ ! -e "$folder/$1" ] || { printf '%s\n' "$folder/$1" && return; }
    done
    printf 'build-root: no library %s for %s\n' "$1" "$arch" >&2
    return 1
}

package_of() { # FILE, which dpkg may know below /lib or /usr/lib
    local found
    found=$(dpkg-query -S "$1" "${1#/usr}" "/usr${1#/usr}" 2>/dev/null |
        sed -n "s/^\([^ :]*\)\(:$arch\)\{0,1\}: .*/\1/p" | sort -u || true)
    [ -n "$found" ] || {
        printf 'build-root: no package owns %s\n' "$1" >&2
        return 1
    }
    printf '%s\n' "$found"
}

# Copy libraries until nothing is needed that isn't there; tells each package to `packages`.
copy_libraries() {
    local queue=("$root/usr/bin/pullthrough") file name found into=$root/usr/lib/$multiarch
    mkdir -p "$into"
    while [ ${#queue[@]} -gt 0 ]; do
        file=${queue[0]} queue=("${queue[@]:1}")
        while read -r name; do
            [ ! -e "$into/$name" ] || continue
            found=$(find_library "$name")
            install -m 0644 "$(readlink -f "$found")" "$into/$name"
            queue+=("$into/$name")
            if [ "$found" = "$curl/lib/$name" ]; then
                printf 'libcurl4\n' >>"$packages"
            else
                package_of "$found" >>"$packages"
            fi
        done < <(dynamic NEEDED "$file")
    done
}

# The loader has a path of its own in the program; make that lead to the copy beside libc.
place_loader() {
    local loader
    loader=$(interpreter_of "$root/usr/bin/pullthrough")
    [ -e "$root/usr/lib/$multiarch/${loader##*/}" ] ||
        install -m 0755 "$(readlink -f "$(find_library "${loader##*/}")")" \
            "$root/usr/lib/$multiarch/${loader##*/}"
    chmod 0755 "$root/usr/lib/$multiarch/${loader##*/}"
    ln -s usr/lib "$root/lib"
    if [ "${loader%/*}" != /lib ]; then
        ln -s "usr/lib" "$root${loader%/*}"
    fi
    ln -sf "$multiarch/${loader##*/}" "$root/usr/lib/${loader##*/}"
}

place_settings() {
    mkdir -p "$root/etc/ssl/certs" "$root/tmp"
    chmod 1777 "$root/tmp"
    install -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    printf 'ca-certificates\n' >>"$packages"
    printf 'root:x:0:0:root:/:/nonexistent\nnonroot:x:65532:65532:nonroot:/:/nonexistent\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    install -m 0644 /etc/os-release "$root/etc/os-release" # scanners ask it whose packages these are
}

# dpkg's entry of a package, as in its status file: what scanners look for in status.d.
status_of() { # PACKAGE
    if [ "$1" = libcurl4 ]; then
        printf 'Package: libcurl4\nStatus: install ok installed\nArchitecture: %s\n' "$arch"
        printf 'Source: curl\nVersion: %s\nDescription: %s\n' "$(cat "$curl/VERSION")" \
            "built from Debian's source for this image: HTTP and HTTPS only, OpenSSL"
        return
    fi
    dpkg-query -s "$1:$arch" 2>/dev/null || dpkg-query -s "$1"
}

place_papers() {
    local package copyright
    mkdir -p "$root/var/lib/dpkg/status.d" "$root/usr/share/doc/pullthrough"
    install -m 0644 LICENSE "$root/usr/share/doc/pullthrough/copyright"
    while read -r package; do
        status_of "$package" | sed '/^Conffiles:/,/^[^ ]/ { /^Conffiles:/d; /^ /d }' \
            >"$root/var/lib/dpkg/status.d/$package"
        copyright=/usr/share/doc/$package/copyright
        [ "$package" != libcurl4 ] || copyright=$curl/COPYRIGHT
        mkdir -p "$root/usr/share/doc/$package"
        install -m 0644 "$(readlink -f "$copyright")" "$root/usr/share/doc/$package/copyright"
    done <"$packages"
    # Those papers name the long licences by their place in Debian.
    grep -hoE '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' -r "$root/usr/share/doc" |
        sort -u | while read -r copyright; do
        install -D -m 0644 "$(readlink -f "$copyright")" "$root$copyright"
    done
    mkdir -p "$root/usr/share/sbom"
    deploy/image/write-sbom.sh "$root" "$version" >"$root/usr/share/sbom/pullthrough.spdx.json"
}

rm -rf "$root"
mkdir -p "$root"
packages=$(mktemp)
trap 'rm -f "$packages"' EXIT
build_program
copy_libraries
place_loader
place_settings
LC_ALL=C sort -u -o "$packages" "$packages"
place_papers
find "$root" -type f -printf '%8s  /%P\n' | sort -rn | head -n 20
du -sk "$root"
