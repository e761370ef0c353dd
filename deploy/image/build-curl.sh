#!/usr/bin/env bash
# Build a small libcurl from Debian's source package: build-curl.sh ARCH DIR.
#
# Debian's own libcurl brings 27 libraries (GnuTLS, LDAP, Kerberos, SSH ...) with it. This one
# speaks HTTP and HTTPS through OpenSSL and nothing else; source and patches stay Debian's, whose
# signed index apt checks them against. DIR gets lib/ and include/, and VERSION.
set -euo pipefail
arch=${1:-$(dpkg --print-architecture)} prefix=$2
host=$(dpkg-architecture -a"$arch" -qDEB_HOST_GNU_TYPE)
multiarch=$(dpkg-architecture -a"$arch" -qDEB_HOST_MULTIARCH)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
cd "$work"
apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root source curl
cd curl-*/

# Every protocol and every optional library by name: what isn't there can't be reached.
off=(alt-svc ares crypto-auth dict doh file ftp gopher hsts imap ldap ldaps libcurl-option
    manual mqtt netrc ntlm ntlm-wb pop3 rtsp smb smtp sspi static telnet tftp tls-srp
    unix-sockets websockets)
without=(brotli fish-functions-dir gssapi hyper libgsasl libidn2 libpsl librtmp libssh libssh2
    nghttp2 nghttp3 ngtcp2 quiche winidn zsh-functions-dir zlib zstd)
PKG_CONFIG_LIBDIR=/usr/lib/$multiarch/pkgconfig ./configure --quiet \
    --prefix="$prefix" --host="$host" --build="$(dpkg-architecture -qDEB_BUILD_GNU_TYPE)" \
    --with-openssl --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --without-ca-path \
    --enable-versioned-symbols --enable-threaded-resolver --enable-ipv6 --enable-proxy \
    "${off[@]/#/--disable-}" "${without[@]/#/--without-}" \
    CC="$host-gcc" \
    CFLAGS="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$work=." \
    LDFLAGS="-Wl,-z,relro,-z,now -Wl,--as-needed"
make --silent -C lib -j "$(nproc)" V=0
make --silent -C lib install
make --silent -C include install
make --silent install-pkgconfigDATA
"$host-strip" --strip-unneeded "$prefix"/lib/libcurl.so.4.*
dpkg-parsechangelog -S Version >"$prefix/VERSION"
install -m 0644 debian/copyright "$prefix/COPYRIGHT"
printf 'built libcurl of curl %s, %s bytes\n' "$(cat "$prefix/VERSION")" \
    "$(stat -Lc %s "$prefix/lib/libcurl.so.4")"
