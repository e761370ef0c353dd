#!/usr/bin/env bash
# Print an SBOM (SPDX 2.3, JSON) of a root: write-sbom.sh ROOT VERSION.
#
# Reads the entries in ROOT/var/lib/dpkg/status.d. The time is SOURCE_DATE_EPOCH and the
# name space is made of the contents, so the same root has the same SBOM.
set -euo pipefail
root=$1 version=$2
export LC_ALL=C

field() { # NAME FILE
    sed -n "s/^$1: //p" "$2" | head -n 1
}

# As a purl wants it: what may stand in a Debian version and means something in a URL.
escape() {
    sed 's/%/%25/g; s/+/%2B/g; s/:/%3A/g; s/~/%7E/g' <<<"$1"
}

package() { # ID NAME VERSION PURL COMMENT LICENCE
    printf '    {\n      "SPDXID": "SPDXRef-%s",\n      "name": "%s",\n' "$1" "$2"
    printf '      "versionInfo": "%s",\n' "$3"
    printf '      "downloadLocation": "NOASSERTION",\n      "filesAnalyzed": false,\n'
    printf '      "licenseConcluded": "NOASSERTION",\n      "licenseDeclared": "%s",\n' "$6"
    printf '      "copyrightText": "NOASSERTION",\n'
    [ -z "$5" ] || printf '      "sourceInfo": "%s",\n' "$5"
    printf '      "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", '
    printf '"referenceType": "purl", "referenceLocator": "%s"}]\n    }' "$4"
}

packages() {
    local file name number arch source
    package pullthrough pullthrough "$version" "pkg:generic/pullthrough@$version" "" Apache-2.0
    for file in "$root"/var/lib/dpkg/status.d/*; do
        name=$(field Package "$file") number=$(field Version "$file")
        arch=$(field Architecture "$file") source=$(field Source "$file")
        printf ',\n'
        package "deb-${name//+/.}" "$name" "$number" \
            "pkg:deb/debian/$(escape "$name")@$(escape "$number")?arch=$arch&distro=debian-12" \
            "built from Debian's source package ${source:-$name}" NOASSERTION
    done
    printf '\n'
}

relationships() {
    local file name
    printf '    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", '
    printf '"relatedSpdxElement": "SPDXRef-pullthrough"}'
    for file in "$root"/var/lib/dpkg/status.d/*; do
        name=$(field Package "$file")
        printf ',\n    {"spdxElementId": "SPDXRef-pullthrough", "relationshipType": "DEPENDS_ON", '
        printf '"relatedSpdxElement": "SPDXRef-deb-%s"}' "${name//+/.}"
    done
    printf '\n'
}

contents=$( (cat "$root"/var/lib/dpkg/status.d/* "$root/usr/bin/pullthrough") | sha256sum)
cat <<SBOM
{
  "spdxVersion": "SPDX-2.3",
  "dataLicense": "CC0-1.0",
  "SPDXID": "SPDXRef-DOCUMENT",
  "name": "pullthrough-$version",
  "documentNamespace": "urn:sha256:${contents%% *}",
  "creationInfo": {
    "created": "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)",
    "creators": ["Tool: deploy/image/write-sbom.sh"]
  },
  "packages": [
$(packages)
  ],
  "relationships": [
$(relationships)
  ]
}
SBOM
