#!/usr/bin/env bash
# bundle.sh PLUGIN LIBRARY FOLDER: puts together FOLDER/continuo-PLUGIN.lv2 from the built library, ttl/, presets/ and models/.
# ttl/PLUGIN may describe several plugins of one library, a file each. Leaves an unchanged bundle as it is.
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
# Presets of every plugin that the bundle describes. Each preset file names its preset; the manifest must too.
mkdir "$made/presets"
for description in ttl/"$plugin"/*.ttl; do
    name=$(basename "$description" .ttl)
    # What else is to be said of them, their banks, in the manifest; and the recordings that they name.
    [ ! -e presets/"$name"/manifest.in ] || cat presets/"$name"/manifest.in >>"$made/manifest.ttl"
    [ ! -d presets/"$name"/styles ] || cp -r presets/"$name"/styles "$made/"
    for preset in presets/"$name"/*.ttl; do
        [ -e "$preset" ] || continue
        file=$name-$(basename "$preset")
        cp "$preset" "$made/presets/$file"
        cat >>"$made/manifest.ttl" <<END

<urn:continuo:$name:preset:$(basename "$preset" .ttl)>
	a <http://lv2plug.in/ns/ext/presets#Preset> ;
	lv2:appliesTo $(sed -n 's/^\tlv2:appliesTo \(.*\) ;$/\1/p' "$preset") ;
	rdfs:seeAlso <presets/$file> .
END
        # Those that name MIDI programs, for the plugin itself (Plugins/Synth/programs.h): number, then symbol and value of each
        # control.
        awk '
            $1 ~ /#program>$/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) numbers[++count] = $i }
            $1 == "lv2:symbol" { gsub(/"/, "", $2); symbol = $2 }
            $1 == "pset:value" { values = values " " symbol " " $2 }
            END { for (i = 1; i <= count; i++) print numbers[i] values }' "$preset" >>"$made/programs"
    done
done
[ -s "$made/programs" ] && sort -n -o "$made/programs" "$made/programs" || rm -f "$made/programs"
rmdir --ignore-fail-on-non-empty "$made/presets"
# The weights it needs: its own, and those of the pitch tracker inside it.
case $plugin in
    pitch) weights="continuo-pitch-standard continuo-pitch-quick continuo-pitch-poly" ;;
    synth) weights="continuo-synth continuo-pitch-quick" ;;
    bass) weights="continuo-bass-autoencoder continuo-bass-generator" ;;
    *) weights="continuo-$plugin" ;;
esac
mkdir "$made/models"
for name in $weights; do cp "models/$name.safetensors" "$made/models/"; done
strip --strip-unneeded -o "$made/$plugin.so" "$library"
bundle=$folder/continuo-$plugin.lv2
if ! diff -rq "$made" "$bundle" >/dev/null 2>&1; then
    rm -rf "$bundle"
    mkdir -p "$folder"
    chmod 755 "$made"
    cp -r "$made" "$bundle"
    echo "made $bundle"
fi
