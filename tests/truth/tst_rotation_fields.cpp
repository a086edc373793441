#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model/model_options.h"
#include "core/model/yarn.h"
#include "tests/truth/truth_support.h"

#include <QtTest>

using namespace sparsescope;

namespace {

std::filesystem::path folderOf(const std::string &type)
{
    for (const auto &path : truth::entries("hf-")) {
        if (readJsonFile(path / "config.json").at("model_type") == type) {
            return path;
        }
    }
    return truth::folder() / ("no hf folder of " + type);
}

} // namespace

/// What config.json says of the rotation, in either spelling or in both.
class tst_RotationFields : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void ropeScalingStandsForRopeParameters();
    void rotatedShareIsKept();
};

/// What transformers 5.24 makes of files that carry both spellings.
void tst_RotationFields::ropeScalingStandsForRopeParameters()
{
    nlohmann::json config = nlohmann::json(readJsonFile(folderOf("deepseek_v32") / "config.json"));
    const nlohmann::json yarn = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}};
    const auto read = [&] { return modelOptionsFromHf(config, "c"); };
    config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 20000.0}};
    for (const nlohmann::json &nothing : {nlohmann::json(), nlohmann::json::object()}) {
        config["rope_scaling"] = nothing;
        config["rope_theta"] = 3000.0;
        QVERIFY(!read().yarn);
        QCOMPARE(read().ropeTheta, 20000.0); // what stands in the object comes before what stands beside it
    }
    config["rope_scaling"] = yarn;
    QCOMPARE(read().yarn->factor, 4.0);
    QCOMPARE(read().ropeTheta, 3000.0); // that of rope_parameters goes with it
    config["rope_scaling"]["rope_theta"] = 500.0;
    QCOMPARE(read().ropeTheta, 500.0);
    config["rope_scaling"].erase("rope_theta");
    config.erase("rope_theta");
    QVERIFY_EXCEPTION_THROWN(read(), ConfigFailure); // transformers takes 10000, whatever the model was trained with
    config.erase("rope_scaling");
    config["rope_parameters"] = {{"rope_type", "default"}};
    config["rope_theta"] = 3000.0;
    QCOMPARE(read().ropeTheta, 3000.0);
    config["rope_scaling"] = yarn;
    config["rope_scaling"]["truncate"] = false;
    QVERIFY_EXCEPTION_THROWN(read(), ConfigFailure);

    nlohmann::json glm = nlohmann::json(readJsonFile(folderOf("glm4_moe") / "config.json"));
    glm["head_dim"] = 16;
    glm["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e4}, {"partial_rotary_factor", 0.25}};
    glm["partial_rotary_factor"] = 0.75;
    QCOMPARE(modelOptionsFromHf(glm, "c").rotaryDim, 4);
    glm["rope_scaling"] = {{"rope_type", "default"}, {"rope_theta", 1e4}};
    QCOMPARE(modelOptionsFromHf(glm, "c").rotaryDim, 12);
}

void tst_RotationFields::rotatedShareIsKept()
{
    nlohmann::json config = nlohmann::json(readJsonFile(folderOf("glm4_moe") / "config.json"));
    config["head_dim"] = 14;
    config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e4}, {"partial_rotary_factor", 0.72}};
    ModelOptions options = modelOptionsFromHf(config, "c");
    QCOMPARE(options.rotaryDim, 10);
    QCOMPARE(toHfConfig(options).at("rope_parameters").at("partial_rotary_factor").get<double>(), 0.72);
    options.rotaryDim = 8; // changed since: what was read says nothing any more
    QCOMPARE(toHfConfig(options).at("rope_parameters").at("partial_rotary_factor").get<double>(), 8.0 / 14);
}

QTEST_GUILESS_MAIN(tst_RotationFields)
#include "tst_rotation_fields.moc"
