#!/usr/bin/env bash
# bundle.sh PLUGIN LIBRARY FOLDER: puts together FOLDER/continuo-PLUGIN.lv2 from the built library, ttl/ and presets/.
# Leaves an unchanged bundle as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
plugin=$1 library=$2 folder=$3
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cp ttl/"$plugin"/*.ttl "$made"/
# Ardour 7 refuses a plugin with CV ports, even optional ones. So these are a second plugin's, of the same binary, with the same
# ports before them: its description is made here from the first one's.
if [ -e ttl/"$plugin"/cv-ports.in ]; then
    name=$(sed -n 's/^\tdoap:name "\(.*\)" ;$/\1/p' ttl/"$plugin/$plugin.ttl" | tail -n 1)
    awk -v uri="<urn:continuo:$plugin>" -v cv="<urn:continuo:$plugin:cv>" -v name="$name" -v ports=ttl/"$plugin"/cv-ports.in \
        -v group=ttl/"$plugin"/cv-group.in '
        function copy(file, line) { while ((getline line < file) > 0) print line; close(file) }
        $0 == uri { copy(group); print cv; next }
        $0 == "\tdoap:name \"" name "\" ;" { print "\tdoap:name \"" name " CV\" ;"; next }
        $0 == "\t] ." { print "\t] ,"; copy(ports); print "\t."; next }
        { print }' ttl/"$plugin/$plugin.ttl" >"$made/$plugin-cv.ttl"
    cat >>"$made/manifest.ttl" <<END

<urn:continuo:$plugin:cv>
	a lv2:Plugin ;
	lv2:binary <$plugin.so> ;
	rdfs:seeAlso <$plugin-cv.ttl> .
END
fi
if [ -d presets/"$plugin" ]; then
    cp presets/"$plugin"/*.ttl "$made"/ 2>/dev/null || true
    # Each preset file names its preset; the manifest must too.
    for preset in presets/"$plugin"/*.ttl; do
        [ -e "$preset" ] || continue
        name=$(basename "$preset" .ttl)
        cat >>"$made/manifest.ttl" <<END

<urn:continuo:$plugin:preset:$name>
	a <http://lv2plug.in/ns/ext/presets#Preset> ;
	lv2:appliesTo $(sed -n 's/^\tlv2:appliesTo \(.*\) ;$/\1/p' "$preset") ;
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
