# `./dev bundle`: sourced by ./dev after a release build.

bundle_limit=$((40 * 1024 * 1024))

make_bundle()
{
    logs=$root/build/bundle
    local archive=$logs/sparsescope.tar.gz size
    mkdir -p "$logs"
    rm -rf "$logs/sparsescope" "$archive"
    phase "Packing the bundle" bundle.log pack_bundle "$logs/sparsescope" "$archive" || exit 1
    size=$(stat -c %s "$archive")
    say "build/bundle/sparsescope.tar.gz: $((size / 1048576)) MiB"
    [ "$size" -lt "$bundle_limit" ] || stop "That is more than the 40 MiB it may have."
}

pack_bundle()
{
    local to=$1 archive=$2 file name
    local qt=/usr/lib/$(c++ -dumpmachine)/qt6/plugins
    mkdir -p "$to/bin" "$to/lib" "$to/plugins" "$to/fonts" "$to/share/sparsescope" "$to/tests"
    for name in sparsescope sparsescope-cli sparsescope_gpu_tests; do
        [ -e "$bin/$name" ] || { echo "$name is not part of this build"; continue; }
        cp "$bin/$name" "$to/bin/" && ln -s launch "$to/$name" || return 1
    done
    cp "$root/.dev/launch" "$to/launch"
    # Of the results only what the Speed page shows.
    mkdir -p "$to/share/sparsescope/experiments/results"
    cp "$root"/experiments/*.json "$to/share/sparsescope/experiments/"
    cp -r "$root/experiments/results/bench" "$to/share/sparsescope/experiments/results/"
    cp -r "$root/tests/truth" "$to/tests/" && rm -f "$to"/tests/truth/*.cpp
    cp "$root/LICENSE" "$to/"
    for name in platforms/libqoffscreen.so platforms/libqxcb.so iconengines/libqsvgicon.so imageformats/libqsvg.so \
        xcbglintegrations/libqxcb-glx-integration.so xcbglintegrations/libqxcb-egl-integration.so; do
        [ -e "$qt/$name" ] || continue
        mkdir -p "$to/plugins/${name%/*}" && cp "$qt/$name" "$to/plugins/$name" || return 1
    done
    for name in Inter-Regular.otf Inter-Medium.otf Inter-SemiBold.otf JetBrainsMono-Regular.ttf \
        JetBrainsMono-SemiBold.ttf; do
        file=$(find /usr/share/fonts -name "$name" 2> /dev/null | head -n 1)
        [ -n "$file" ] && cp "$file" "$to/fonts/"
    done
    bundle_libraries "$to" || return 1
    trim_icu "$to/lib" || return 1
    # Ours and Qt's: no path of this machine stays in them, and LD_LIBRARY_PATH decides.
    find "$to/bin" "$to/lib" "$to/plugins" -type f -exec strip --strip-unneeded {} + || return 1
    find "$to/bin" "$to"/lib/libsparsescope_* -type f | while read -r file; do
        printf 'file(RPATH_REMOVE FILE "%s")\n' "$file"
    done > "$logs/rpath.cmake"
    cmake -P "$logs/rpath.cmake" || return 1
    tar -C "$(dirname "$to")" --owner=0 --group=0 --sort=name -cf - "$(basename "$to")" | gzip -9 > "$archive"
}

# Every shared library behind the programs and plugins, except the C and C++ runtimes and all that comes with torch.
bundle_libraries()
{
    local to=$1 path
    LD_LIBRARY_PATH=$torch/lib:$nvidia/lib ldd $(find "$to/bin" "$to/plugins" -type f) 2>&1 | tee "$logs/ldd.log" |
        awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
        grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|libutil|libstdc\+\+|libgcc_s|libgomp)\.so|/(torch|nvidia|cuda)[^/]*/' |
        while read -r path; do cp -L "$path" "$to/lib/" || return 1; done || return 1
    if grep 'not found' "$logs/ldd.log"; then
        return 1
    fi
}

# Unicode's data is a third of the archive, and most of it names currencies, languages, places and units in every language,
# or reads legacy encodings: Qt has its own of the former, and no file of ours is in the latter.
trim_icu()
{
    local library scratch version
    library=$(echo "$1"/libicudata.so.*)
    [ -f "$library" ] || return 0
    if ! command -v icupkg > /dev/null; then
        echo "without icupkg (package icu-devtools) the data of libicu stays whole"
        return 0
    fi
    version=${library##*.so.}
    scratch=$(mktemp -d)
    (
        cd "$scratch" &&
            objcopy -O binary --only-section=.rodata "$library" "icudt${version}l.dat" &&
            { icupkg -l "icudt${version}l.dat" | grep -E '^(curr|lang|region|unit|zone|rbnf|translit)/|\.cnv$' > left_out.txt; } &&
            icupkg -r left_out.txt "icudt${version}l.dat" kept.dat &&
            printf '%s\n' '.section .rodata' '.balign 16' ".globl icudt${version}_dat" ".type icudt${version}_dat, @object" \
                "icudt${version}_dat:" '.incbin "kept.dat"' ".size icudt${version}_dat, .-icudt${version}_dat" \
                '.section .note.GNU-stack,"",@progbits' > data.s &&
            c++ -shared -nostdlib -Wl,-soname,"${library##*/}" -o "$library" data.s
    )
    local status=$?
    rm -rf "$scratch"
    return $status
}
