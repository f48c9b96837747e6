#!/usr/bin/env bash
# bundle.sh PLUGIN LIBRARY FOLDER: puts together FOLDER/continuo-PLUGIN.lv2 from the built library, ttl/ and presets/.
# Leaves an unchanged bundle as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
plugin=$1 library=$2 folder=$3
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cp ttl/"$plugin"/*.ttl "$made"/
if [ -d presets/"$plugin" ]; then
    cp presets/"$plugin"/*.ttl "$made"/ 2>/dev/null || true
    # Each preset file names its preset; the manifest must too.
    for preset in presets/"$plugin"/*.ttl; do
        [ -e "$preset" ] || continue
        name=$(basename "$preset" .ttl)
        cat >>"$made/manifest.ttl" <<END

<urn:continuo:$plugin:preset:$name>
	a <http://lv2plug.in/ns/ext/presets#Preset> ;
	lv2:appliesTo <urn:continuo:$plugin> ;
	rdfs:seeAlso <$name.ttl> .
END
    done
fi
strip --strip-unneeded -o "$made/$plugin.so" "$library"
bundle=$folder/continuo-$plugin.lv2
if ! diff -rq "$made" "$bundle" >/dev/null 2>&1; then
    rm -rf "$bundle"
    mkdir -p "$folder"
    chmod 755 "$made"
    cp -r "$made" "$bundle"
    echo "made $bundle"
fi
