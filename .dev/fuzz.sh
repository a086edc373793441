# `./dev fuzz [SECONDS]`: sourced by ./dev. Every target of tests/fuzz for so long, one after the other; ends with 1 at a finding.
# Needs clang, whose libFuzzer drives the targets; base and data are built with it, nothing else.

fuzzer_works()
{
    local scratch status
    scratch=$(mktemp -d)
    printf '#include <cstddef>\nextern "C" int LLVMFuzzerTestOneInput(const unsigned char *, std::size_t) { return 0; }\n' > "$scratch/a.cpp"
    clang++ -fsanitize=fuzzer,address,undefined "$scratch/a.cpp" -o "$scratch/a" > /dev/null 2>&1
    status=$?
    rm -rf "$scratch"
    return $status
}

setup_fuzzer()
{
    ! fuzzer_works || return 0
    missing=clang
    get_packages || exit 1
    if ! fuzzer_works; then # its run-time libraries are a package of their own
        missing=libclang-rt-$(clang++ -dumpversion 2> /dev/null | cut -d. -f1)-dev
        get_packages || exit 1
    fi
    fuzzer_works || stop "clang++ cannot build with -fsanitize=fuzzer,address here; fuzzing needs it."
}

fuzz()
{
    local seconds=${1:-60} target name log work found count status=0
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || stop "fuzz: '$seconds' is no number of seconds."
    setup_fuzzer
    build fuzz fuzz_targets
    found=$folder/found
    mkdir -p "$found"
    for target in "$bin"/fuzz_*; do
        name=${target##*/fuzz_}
        log=$folder/$name.log
        work=$folder/corpus/$name
        mkdir -p "$work"
        local options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -detect_leaks=0 -print_final_stats=1
            -artifact_prefix="$found/$name-" -dict="$root/tests/fuzz/words.dict")
        # New inputs go into the first folder, which is this clone's.
        if UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 nice -n 15 "$target" "${options[@]}" "$work" \
            "$root/tests/fuzz/$name" > "$log" 2>&1 < /dev/null; then
            count=$(awk '/^stat::number_of_executed_units/ { print $2 }' "$log")
            say "$name: $count executions in $seconds s, $(ls "$work" | wc -l) new inputs kept, nothing found"
        else
            say "$name: a finding, the end of build/fuzz/$name.log:"
            tail -n 30 "$log"
            status=1
        fi
    done
    [ $status = 0 ] || say "The inputs that show it: $(ls -d "$found"/* | tr '\n' ' ')"
    exit $status
}
