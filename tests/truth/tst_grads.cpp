#include "core/base/safetensors.h"
#include "kernels/ops/dsa.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>

#include <QtTest>

#include <cmath>
#include <filesystem>
#include <map>

using at::Tensor;
using sparsescope::SafetensorsFile;

// B batch, S tokens, D model width, H heads, KV key heads, Hi indexer heads, Di their width
namespace {

std::filesystem::path truthFolder()
{
    if (qEnvironmentVariableIsSet("SPARSESCOPE_TRUTH")) {
        return qgetenv("SPARSESCOPE_TRUTH").toStdString();
    }
    return std::filesystem::path(qgetenv("SPARSESCOPE_SOURCE").toStdString()) / "tests/truth";
}

/// The training step of one grads file, written from the operations alone.
class Step {
public:
    Step(const std::filesystem::path &path, at::ScalarType type)
        : m_file(path)
        , m_type(type)
    {
        for (const auto &[name, view] : m_file.tensors()) {
            if (name.rfind("w.", 0) == 0) {
                m_weights[name.substr(2)] = load(name).requires_grad_();
            }
        }
        m_x = load("x").requires_grad_();
        m_cos = load("rope_cos");
        m_sin = load("rope_sin");
        m_mla = text("kind") == "mla";
        m_topK = number("k");
    }

    void run(bool sparse)
    {
        const std::int64_t batch = m_x.size(0), tokens = m_x.size(1), heads = number("H");
        const double scale = project();
        indexer();
        std::tie(selection, tau, lseSelected) = dsa::index_select(qi, ki, w, m_topK);
        auto [o, lse] =
            sparse ? dsa::masked_attention(q, k, v, selection, scale) : dsa::dense_attention(q, k, v, scale);
        out = at::linear(o.transpose(1, 2).reshape({batch, tokens, heads * v.size(3)}), m_weights.at("o_proj.weight"));
        lossLm = out.square().sum();
        const dsa::KlTarget target = sparse ? dsa::KlTarget::Selected : dsa::KlTarget::Dense;
        std::tie(lossIndex, klRows) =
            dsa::index_kl(qi, ki, w, q, k, lse, selection, sparse ? lseSelected : Tensor(), scale, target);

        // The loss in the scores themselves: one-hot keys and one head of weight 1 carry any table of positive scores, and
        // softmax does not feel a constant added to a row.
        scores = dsa::index_scores(qi, ki, w).detach();
        const Tensor visible = scores.isfinite(), set = sparse ? dsa::unpack_mask(selection, tokens) : visible;
        const Tensor table = scores.masked_fill(visible.logical_not(), 0);
        Tensor carrier = table.sub(table.min()).add(1).unsqueeze(2).requires_grad_();
        const Tensor one = carrier.detach().new_ones({batch, tokens, 1});
        const Tensor oneHot = at::eye(tokens, table.options()).expand({batch, tokens, tokens});
        const auto [carried, rows] = dsa::index_kl(carrier, oneHot, one, q, k, lse, selection, Tensor(), scale, target);
        carried.backward();
        gradScores = carrier.grad().squeeze(2);
        student = table.masked_fill(set.logical_not(), -INFINITY).softmax(-1);
        teacher = student.sub(gradScores.mul(static_cast<double>(batch * tokens)));
    }

    Tensor load(const std::string &name) const
    {
        const auto &view = m_file.at(name);
        std::vector<double> values = m_file.read<double>(name);
        return at::from_blob(values.data(), view.shape, at::kDouble).to(m_type, false, true);
    }
    Tensor selectedTruth() const
    {
        const auto &view = m_file.at("selected");
        return at::from_blob(const_cast<std::byte *>(view.data), view.shape, at::kByte).to(at::kBool);
    }
    const std::map<std::string, Tensor> &weights() const { return m_weights; }
    const Tensor &x() const { return m_x; }
    void clearGradients()
    {
        for (auto &[name, weight] : m_weights) {
            weight.mutable_grad().reset();
        }
        m_x.mutable_grad().reset();
    }

    Tensor q, k, v, qi, ki, w, out, lossLm, lossIndex, klRows, scores, gradScores, student, teacher, tau, lseSelected;
    dsa::Selection selection;

private:
    std::string text(const std::string &key) const { return m_file.metadata().at(key); }
    std::int64_t number(const std::string &key) const { return std::stoll(text(key)); }
    Tensor project(const Tensor &x, const std::string &weight) const
    {
        return at::linear(x, m_weights.at(weight + ".weight"));
    }
    Tensor rmsNorm(const Tensor &x, const std::string &weight) const
    {
        return x.mul(x.square().mean(-1, true).add(1e-6).rsqrt()).mul(m_weights.at(weight + ".weight"));
    }

    double project()
    {
        const std::int64_t batch = m_x.size(0), tokens = m_x.size(1), heads = number("H");
        const auto split = [&](const Tensor &t, std::int64_t count) {
            return t.view({batch, tokens, count, -1}).transpose(1, 2);
        };
        if (!m_mla) {
            q = dsa::apply_rope(split(project(m_x, "q_proj"), heads), m_cos, m_sin, dsa::RopeStyle::HalfSplit);
            k = dsa::apply_rope(split(project(m_x, "k_proj"), number("KV")), m_cos, m_sin, dsa::RopeStyle::HalfSplit);
            v = split(project(m_x, "v_proj"), number("KV"));
            m_source = m_x;
            return 1.0 / std::sqrt(static_cast<double>(number("dh")));
        }
        const std::int64_t nope = number("dn"), rope = number("rot"), width = number("dv"), latent = number("kl");
        m_source = rmsNorm(project(m_x, "q_a_proj"), "q_a_layernorm");
        const Tensor query = split(project(m_source, "q_b_proj"), heads);
        const Tensor keys = project(m_x, "kv_a_proj_with_mqa");
        const Tensor expanded =
            split(project(rmsNorm(keys.narrow(2, 0, latent), "kv_a_layernorm"), "kv_b_proj"), heads);
        const auto turn = [&](const Tensor &t) {
            return dsa::apply_rope(t, m_cos, m_sin, dsa::RopeStyle::Interleaved);
        };
        const Tensor keyRope = turn(keys.narrow(2, latent, rope).unsqueeze(1)).expand({batch, heads, tokens, rope});
        q = at::cat({query.narrow(3, 0, nope), turn(query.narrow(3, nope, rope))}, 3);
        k = at::cat({expanded.narrow(3, 0, nope), keyRope}, 3);
        v = expanded.narrow(3, nope, width);
        return 1.0 / std::sqrt(static_cast<double>(nope + rope));
    }

    void indexer()
    {
        const std::int64_t batch = m_x.size(0), tokens = m_x.size(1), heads = number("Hi"), width = number("di");
        const auto found = m_file.metadata().find("index_rope");
        const bool interleaved = found != m_file.metadata().end() && found->second == "interleaved";
        const Tensor x = m_x.detach();
        const Tensor raw = project(m_source.detach(), "indexer.wq_b").view({batch, tokens, heads, width});
        std::tie(qi, ki) = dsa::index_prepare(raw, project(x, "indexer.wk"), m_weights.at("indexer.k_norm.weight"),
                                              m_weights.at("indexer.k_norm.bias"), m_cos, m_sin,
                                              interleaved ? dsa::RopeStyle::Interleaved : dsa::RopeStyle::HalfSplit);
        w = project(x, "indexer.weights_proj").mul(1.0 / std::sqrt(static_cast<double>(heads * width)));
    }

    SafetensorsFile m_file;
    at::ScalarType m_type;
    std::map<std::string, Tensor> m_weights;
    Tensor m_x, m_cos, m_sin, m_source;
    bool m_mla = false;
    std::int64_t m_topK = 0;
};

/// Largest |a - b| in units of what is allowed: rtol |b| + atol max|b|.
double shareOfTolerance(const Tensor &a, const Tensor &b)
{
    const bool wide = a.scalar_type() == at::kDouble;
    const Tensor allowed = b.abs().mul(wide ? 1e-9 : 1e-4).add(b.abs().max().mul(wide ? 1e-9 : 1e-5)).add(1e-300);
    const double share = a.sub(b).abs().div(allowed).max().item().toDouble();
    return std::isfinite(share) ? share : INFINITY;
}

} // namespace

class tst_Grads : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void step_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<bool>("wide");
        int count = 0;
        for (const auto &entry : std::filesystem::directory_iterator(truthFolder())) {
            const std::string name = entry.path().filename().string();
            if (name.rfind("grads-", 0) == 0 && entry.path().extension() == ".safetensors") {
                ++count;
                for (const bool wide : {false, true}) {
                    QTest::addRow("%s %s", name.c_str(), wide ? "float64" : "float32")
                        << QString::fromStdString(entry.path().string()) << wide;
                }
            }
        }
        QVERIFY2(
            count > 0,
            qPrintable(QString("no grads-*.safetensors in %1").arg(QString::fromStdString(truthFolder().string()))));
    }

    void step()
    {
        QFETCH(QString, file);
        QFETCH(bool, wide);
        double worst = 0;
        std::string worstName;
        for (const int stage : {1, 2}) {
            const std::string prefix = "stage" + std::to_string(stage) + ".";
            Step step(file.toStdString(), wide ? at::kDouble : at::kFloat);
            step.run(stage == 2);
            const auto compare = [&](const std::string &name, const Tensor &found) {
                const Tensor truth = step.load(name);
                const double share =
                    found.defined() ? shareOfTolerance(found.detach().reshape(truth.sizes()), truth) : INFINITY;
                if (share >= worst) {
                    worst = share;
                    worstName = name;
                }
                return share <= 1;
            };
            const Tensor visible = step.scores.isfinite();
            QVERIFY(compare("index_scores", step.scores.masked_fill(visible.logical_not(), 0)));
            QVERIFY2(dsa::unpack_mask(step.selection, step.x().size(1)).equal(step.selectedTruth()),
                     "selected sets differ");
            QVERIFY(compare(prefix + "out", step.out));
            QVERIFY(compare(prefix + "kl_rows", step.klRows));
            QVERIFY(compare(prefix + "loss_index", step.lossIndex));
            QVERIFY(compare(prefix + "loss_lm", step.lossLm));
            QVERIFY(compare(prefix + "q", step.student));
            QVERIFY(compare(prefix + "target", step.teacher));
            QVERIFY(compare(prefix + "grad.index_scores", step.gradScores));

            step.lossLm.backward({}, true);
            QVERIFY(compare(prefix + "grad.x", step.x().grad()));
            for (const auto &[name, weight] : step.weights()) {
                if (name.rfind("indexer.", 0) == 0) {
                    QVERIFY2(!weight.grad().defined() || !weight.grad().any().item().toBool(), name.c_str());
                } else {
                    QVERIFY2(compare(prefix + "grad." + name, weight.grad()), name.c_str());
                }
            }
            step.clearGradients();
            step.lossIndex.backward();
            QVERIFY(!step.x().grad().defined() || !step.x().grad().any().item().toBool());
            for (const auto &[name, weight] : step.weights()) {
                if (name.rfind("indexer.", 0) == 0) {
                    QVERIFY2(compare(prefix + "grad." + name, weight.grad()), name.c_str());
                } else {
                    QVERIFY2(!weight.grad().defined() || !weight.grad().any().item().toBool(), name.c_str());
                }
            }
        }
        qInfo("largest share of the tolerance used: %.3g (%s)", worst, worstName.c_str());
    }
};

QTEST_GUILESS_MAIN(tst_Grads)
#include "tst_grads.moc"
