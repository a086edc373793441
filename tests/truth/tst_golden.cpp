#include "core/model/forward_results.h"
#include "core/model/golden_door.h"
#include "core/model/golden_models.h"
#include "core/model/selector.h"
#include "tests/truth/checkpoint_draft.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <QTemporaryDir>
#include <QtTest>

#include <set>

using at::Tensor;
using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

std::set<int> keysIn(const std::int32_t *row, std::int64_t count)
{
    std::set<int> keys;
    for (std::int64_t i = 0; i < count; ++i) {
        if (row[i] >= 0) {
            keys.insert(row[i]);
        }
    }
    return keys;
}

/// The k keys of the largest score among the visible ones: plain loops, nothing of the product.
std::set<int> largest(const double *scores, int query, std::int64_t topK)
{
    std::vector<int> order(query + 1);
    for (int s = 0; s <= query; ++s) {
        order[s] = s;
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
    order.resize(std::min<std::size_t>(order.size(), topK));
    return {order.begin(), order.end()};
}

} // namespace

/// Golden files: of every kind, the same each time, true to themselves.
class tst_Golden : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void everyKindIsThere();
    void selectedAreTheLargestScores();
    void openAndAgreeInFloat32();
    void theSameAgain();
    void fullFolderIsRefused();

private:
    fs::path folder() const { return fs::path(m_place.path().toStdString()) / "golden"; }
    QTemporaryDir m_place;
    std::vector<GoldenModel> m_models;
};

void tst_Golden::initTestCase() { m_models = writeGolden(folder()); }

void tst_Golden::everyKindIsThere()
{
    std::set<std::string> types, selectors;
    for (const GoldenModel &model : m_models) {
        types.insert(model.modelType);
        selectors.insert(model.selector);
        QVERIFY2(QString::fromStdString(truth::contentOf(folder() / "README.md"))
                     .contains(QString::fromStdString("| " + model.name + " |")),
                 model.name.c_str());
    }
    QCOMPARE(types, (std::set<std::string>{"deepseek_v3", "deepseek_v32", "glm4_moe", "glm_moe_dsa",
                                           "sparsescope_mha_dsa", "sparsescope_mla_dsa"}));
    std::set<std::string> known = {"none"};
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.trainable && kind.causal) {
            known.insert(kind.name);
        }
    }
    QCOMPARE(selectors, known);
}

void tst_Golden::selectedAreTheLargestScores()
{
    int rows = 0;
    for (const GoldenModel &model : m_models) {
        const SafetensorsFile file(folder() / model.name / "golden.safetensors");
        for (const auto &[name, view] : file.tensors()) {
            if (!name.ends_with(".selected_keys")) {
                continue;
            }
            const std::string layer = name.substr(0, name.find('.'));
            const Tensor keys = truth::read(file, name), mask = truth::read(file, layer + ".selected");
            const std::int64_t tokens = keys.size(1), slots = keys.size(2);
            const bool scored = file.contains(layer + ".index_scores");
            const Tensor scores = scored ? truth::read(file, layer + ".index_scores") : Tensor();
            for (std::int64_t b = 0; b < keys.size(0); ++b) {
                for (int t = 0; t < tokens; ++t, ++rows) {
                    const std::int64_t row = b * tokens + t;
                    const std::set<int> found = keysIn(keys.const_data_ptr<std::int32_t>() + row * slots, slots);
                    QCOMPARE(found.size(), static_cast<std::size_t>(std::min<std::int64_t>(model.topK, t + 1)));
                    QVERIFY(*found.begin() >= 0 && *found.rbegin() <= t);
                    for (int s = 0; s < tokens; ++s) {
                        const bool set = mask.const_data_ptr<std::uint8_t>()[row * tokens + s] != 0;
                        QCOMPARE(set, found.count(s) > 0);
                    }
                    if (scored) {
                        QCOMPARE(found, largest(scores.const_data_ptr<double>() + row * tokens, t, model.topK));
                    }
                }
            }
        }
    }
    QVERIFY(rows > 1000);
}

void tst_Golden::openAndAgreeInFloat32()
{
    for (const GoldenModel &golden : m_models) {
        const fs::path path = folder() / golden.name;
        const SafetensorsFile file(path / "golden.safetensors");
        const auto model = loadCheckpoint(path, at::kFloat);
        for (const auto &[name, found] : forwardResults(*model, truth::read(file, "input_ids"))) {
            const Tensor expected = truth::read(file, name);
            if (name.ends_with(".selected")) {
                QVERIFY2(at::equal(found, expected), (golden.name + " " + name).c_str());
            } else {
                TRUTH_CLOSE(golden.name + " " + name, found, expected, 1e-4, 1e-4);
            }
        }
        // Nothing may be left at a value that hides its absence.
        for (const Parameters::Entry &entry : model->parameters().entries()) {
            const Tensor values = entry.tensor.detach();
            QVERIFY2(values.std().item<double>() > 1e-3, (golden.name + " " + entry.name).c_str());
        }
    }
}

void tst_Golden::theSameAgain()
{
    const fs::path again = fs::path(m_place.path().toStdString()) / "again";
    writeGolden(again);
    int compared = 0;
    for (const auto &entry : fs::recursive_directory_iterator(folder())) {
        if (entry.is_regular_file()) {
            const fs::path other = again / entry.path().lexically_relative(folder());
            QVERIFY2(truth::contentOf(entry.path()) == truth::contentOf(other), other.c_str());
            ++compared;
        }
    }
    QCOMPARE(compared, static_cast<int>(3 * m_models.size() + 1));
}

void tst_Golden::fullFolderIsRefused() { QVERIFY_EXCEPTION_THROWN(writeGolden(folder()), ConfigFailure); }

QTEST_GUILESS_MAIN(tst_Golden)
#include "tst_golden.moc"
