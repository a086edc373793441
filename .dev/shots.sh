# Screenshots of the window; sourced by dev.

# The picture of the design that a view is drawn after, where SPARSESCOPE_DESIGN names their folder.
design_of()
{
    local picture=
    case $1-$2 in
        train-light) picture=1-train-light ;;
        train-dark) picture=1-train-dark ;;
        atlas-*) picture=2-inspect-atlas ;;
        focus-light) picture=3-inspect-focus ;;
        focus-dark) picture=3-inspect-focus-dark ;;
        compare-*) picture=4-compare ;;
        speed-*) picture=5-speed ;;
        first-run-*) picture=6a-first-run ;;
        form-* | cut-off-* | leak-* | full-disk-*) picture=6b-errors ;;
        *) picture=7-states-and-parts ;;
    esac
    echo "$SPARSESCOPE_DESIGN/$picture.png"
}

# shot NAME VIEW RUNS [RUN [OPTION...]]: in two sizes, light and dark, at one and two pixels a unit.
shot()
{
    local name=$1 view=$2 runs=$3 size theme scale file beside
    local arguments=(--screenshot "$view" --runs "$runs" "${@:5}")
    [ -z "${4:-}" ] || arguments+=(--run "$4")
    for size in 1600x1000 1100x700; do
        for theme in light dark; do
            for scale in 1 2; do
                file=$out/$name-$size-$theme-${scale}x.png
                beside=()
                [ -z "${SPARSESCOPE_DESIGN:-}" ] || beside=(--beside "$(design_of "$name" "$theme")")
                QT_QPA_PLATFORM=offscreen "$bin/sparsescope" "${arguments[@]}" --size "$size" --theme "$theme" \
                    --scale "$scale" "${beside[@]}" --out "$file" < /dev/null && say "${file#"$root"/}" || status=1
            done
        done
    done
}

# shot_other NAME VIEW RUNS: on a larger screen, and at 125 %, which leaves no whole pixels a unit.
shot_other()
{
    local name=$1 view=$2 runs=$3 size scale file
    for size in 1920x1200-1 1536x960-1.25; do
        scale=${size#*-}
        file=$out/$name-${size%-*}-light-${scale}x.png
        QT_QPA_PLATFORM=offscreen "$bin/sparsescope" --screenshot "$view" --runs "$runs" --size "${size%-*}" --theme light \
            --scale "$scale" --out "$file" < /dev/null && say "${file#"$root"/}" || status=1
    done
}

# Runs with something wrong with them, made by making it go wrong.
make_states()
{
    local states=$1
    rm -rf "$states"
    mkdir -p "$states"
    "${train[@]}" --out "$states/leak" --set 'sweep.family=["classic","sparse"]' --set model.selection.kind=planted-leak
    "${train[@]}" --out "$states/cut-off" --set 'sweep.family=["classic","sparse"]' --set training.steps=100000 \
        --set training.checkpoint_seconds=1 &
    sleep 15 # some checkpoints, on a slow machine too
    kill -9 $!
    wait $! 2> /dev/null
    "$bin/sparsescope-cli" convert "$runs/demo/seq_64/mhla_sparse/seed_0" "$states/checkpoint" --to hf > /dev/null
    sed -e 's/"n_heads": [0-9]*/"n_heads": 7/' -e 's/"top_k": [0-9]*/"top_k": 1600/' "$root/experiments/smoke.json" > "$states/form.json"
    cp -r "$runs/demo" "$states/damaged-snapshot"
    local newest
    newest=$(find "$states/damaged-snapshot/seq_64/sparse/seed_0/snapshots" -name '*.safetensors' | sort | tail -n 1)
    printf 'overwritten' | dd of="$newest" bs=1 seek=20000 conv=notrunc status=none
    touch "$states/made"
}

# Runs that fail by themselves: numbers that grow without end, and more memory than the process may have.
make_failures()
{
    local states=$1
    rm -rf "$states/nan" "$states/no-memory"
    "${train[@]}" --out "$states/nan" --set 'sweep.family=["classic","sparse"]' --set training.schedule=constant \
        --set training.learning_rate=10 --set training.weight_decay=10 --set training.warmup_steps=0
    (ulimit -v 3500000 && "${train[@]}" --out "$states/no-memory" --set 'sweep.family=["classic","sparse"]' \
        --set training.sequence_length=512 --set training.batch_size=4000)
    touch "$states/failures-made"
}

# A training that waits for room on a small file system, drawn while it waits.
shot_full_disk()
{
    local place=$1/full-disk trainer tries
    mkdir -p "$place"
    mount -t tmpfs -o size=1500k tmpfs "$place" 2> /dev/null || { say "full-disk: mounting a small file system needs root: no picture"; return; }
    "${train[@]}" --out "$place" --set 'sweep.family=["classic","sparse"]' 2> "$1/full-disk.log" &
    trainer=$!
    for tries in $(seq 60); do
        ! grep -q 'paused at step' "$1/full-disk.log" || break
        sleep 1
    done
    shot full-disk train "$place"
    kill "$trainer"
    wait "$trainer" 2> /dev/null
    umount "$place"
}

take_shots()
{
    local out=$root/build/shots runs=$root/build/shots/runs states=$root/build/shots/states status=0
    local train=("$bin/sparsescope-cli" train "$root/experiments/smoke.json" --device cpu --quiet)
    mkdir -p "$out"
    [ -e "$runs/demo/summary.json" ] || { rm -rf "$runs"; train_demo "$runs" || return $?; }
    [ -e "$runs/demo/counterfactual.csv" ] || "$bin/sparsescope-cli" counterfactual "$runs/demo" --device cpu --quiet > /dev/null || return $?
    [ -e "$states/made" ] || make_states "$states"
    [ -e "$states/failures-made" ] || make_failures "$states"
    shot train train "$runs/demo"
    shot atlas atlas "$runs/demo"
    shot focus focus "$runs/demo"
    shot compare compare "$runs/demo"
    shot first-run first-run ''
    shot speed speed ''
    shot help help ''
    local view
    for view in train atlas focus compare; do
        shot_other "$view" "$view" "$runs/demo"
    done
    shot_other first-run first-run ''
    shot_other speed speed ''
    shot export export "$runs/demo"
    shot preferences preferences ''
    shot speed-training speed "$root/experiments/results/bench/h100/core_4x64_training.json"
    shot classic atlas "$runs/demo" seq_64/classic/seed_0
    shot form form "$states/form.json"
    shot leak train "$states/leak"
    shot leak-focus focus "$states/leak"
    shot leak-compare compare "$states/leak"
    shot cut-off train "$states/cut-off"
    shot damaged-snapshot focus "$states/damaged-snapshot"
    shot checkpoint checkpoint "$states/checkpoint"
    shot nan train "$states/nan"
    shot no-memory train "$states/no-memory"
    shot_full_disk "$states"
    CUDA_VISIBLE_DEVICES= shot no-cuda first-run '' '' --device auto
    CUDA_VISIBLE_DEVICES= shot no-cuda-speed speed '' '' --device auto
    return $status
}
