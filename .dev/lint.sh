# `./dev lint`: sourced by ./dev. Ends with 1 where something is to be done; what is not installed is said and skipped.

# The files named, or the C++ files changed since origin/main (all of them where there is no such branch).
lint_files()
{
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
        return
    fi
    local base
    base=$(git -C "$root" merge-base HEAD origin/main 2> /dev/null || true)
    if [ -n "$base" ]; then
        { git -C "$root" diff --name-only --diff-filter=d "$base"; git -C "$root" ls-files --others --exclude-standard; }
    else
        git -C "$root" ls-files --cached --others --exclude-standard
    fi | grep -E '\.(cpp|h|cu|cuh)$' | sort -u
}

lint()
{
    local files status=0
    cd "$root" || exit 1
    mapfile -t files < <(lint_files "$@" | while read -r file; do [ -f "$file" ] && echo "$file"; done)
    [ ${#files[@]} -gt 0 ] || { say "No C++ file has changed."; exit 0; }
    if command -v clang-format > /dev/null; then
        # Not device code: clang-format 14 tears __launch_bounds__ and inline assembly apart.
        local laid_out
        mapfile -t laid_out < <(printf '%s\n' "${files[@]}" | grep -E '\.(cpp|h)$')
        say "clang-format: ${#laid_out[@]} files"
        [ ${#laid_out[@]} = 0 ] || clang-format --dry-run --Werror "${laid_out[@]}" || status=1
    else
        say "clang-format is not installed: the layout was not checked."
    fi
    if command -v clang-tidy > /dev/null; then
        [ -e build/release/compile_commands.json ] || build release
        # The compiler's precompiled headers are none of clang's; every file names what it uses.
        mkdir -p build/lint
        sed -E 's/ -Winvalid-pch( -include [^ ]*cmake_pch\.hxx)?//g' build/release/compile_commands.json > build/lint/compile_commands.json
        local sources
        mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cpp$')
        if [ ${#sources[@]} -gt 0 ]; then
            say "clang-tidy: ${#sources[@]} files"
            clang-tidy --dump-config > /dev/null 2> build/tidy.err && [ ! -s build/tidy.err ] || { cat build/tidy.err >&2; stop ".clang-tidy cannot be read."; }
            # Warnings come on standard output; the count of suppressed ones, on standard error, says nothing.
            printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet --warnings-as-errors='*' -p build/lint 2> /dev/null || status=1
        fi
    else
        say "clang-tidy is not installed: the code was not checked."
    fi
    exit $status
}
