#pragma once

#include "core/experiment/runner.h"

#include <QTemporaryDir>

#include <thread>

/// A training in earnest that takes every core, for benchmarks of the window beside it.
namespace sparsescope {

inline ExperimentConfig loadExperiment(const char *name, std::int64_t steps)
{
    nlohmann::ordered_json document = nlohmann::ordered_json::parse(R"({
        "schema": 1, "data": { "source": "needle", "options": { "filler": "constant" } },
        "model": { "d_model": 256, "n_layers": 6, "n_heads": 8, "indexer": { "n_heads": 4, "head_dim": 64 },
                   "selection": { "top_k": 32 } },
        "training": { "batch_size": 8, "sequence_length": 256 }, "sweep": { "family": ["classic", "sparse"] } })");
    document["name"] = name;
    document["training"]["steps"] = steps;
    return parseExperiment(document, name);
}

class BackgroundTraining {
public:
    BackgroundTraining()
        : m_trainer([this] {
            TrainingObserver nobody;
            runExperiment(loadExperiment("load", 1000000), {m_folder.path().toStdString(), "cpu"}, m_control, nobody);
        })
    {}
    ~BackgroundTraining()
    {
        m_control.stop();
        m_trainer.join();
    }
    BackgroundTraining(const BackgroundTraining &) = delete;
    BackgroundTraining &operator=(const BackgroundTraining &) = delete;

private:
    QTemporaryDir m_folder;
    RunControl m_control;
    std::thread m_trainer;
};

} // namespace sparsescope
