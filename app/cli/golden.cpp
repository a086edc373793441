#include "app/cli/command.h"
#include "core/model/golden_door.h"

#include <fmt/format.h>

#include <memory>

namespace sparsescope {

Action declareGolden(CLI::App &command)
{
    const auto folder = std::make_shared<std::filesystem::path>();
    command.add_option("--out", *folder, "Folder to make")->required()->type_name("DIR");
    return [folder](Output &output) {
        const auto models = writeGolden(*folder, [&](const GoldenModel &model) {
            output.line(fmt::format("{:<32} {:<20} k {:<3} seed {:<3} gap {:.1e}", model.name, model.modelType,
                                    model.topK, model.seed, model.gap));
        });
        output.data()["out"] = folder->string();
        for (const GoldenModel &model : models)
            output.data()["models"].push_back({{"name", model.name},
                                               {"model_type", model.modelType},
                                               {"selector", model.selector},
                                               {"top_k", model.topK},
                                               {"seed", model.seed},
                                               {"gap", model.gap}});
        output.line(fmt::format("{} models -> {}", models.size(), folder->string()));
        return kDone;
    };
}

} // namespace sparsescope
