#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"

#include <cmath>

namespace sparsescope {

namespace {

/// Uniform tokens: nothing can be learned, so a loss below ln V is a leak.
class NoiseSource : public GeneratedSource {
public:
    explicit NoiseSource(const RunConfig &config)
        : GeneratedSource("noise", config)
        , m_vocabulary(
              GeneratorOptions(config.data.options, noiseKind().options, "noise").integer("vocabulary", 2, 65536))
    {}

    int vocabulary() const override { return m_vocabulary; }
    std::string word(std::int32_t id) const override { return m_vocabulary <= 256 ? byteWord(id) : std::to_string(id); }
    std::optional<double> floor() const override { return std::log(static_cast<double>(m_vocabulary)); }
    std::optional<double> chanceAccuracy() const override { return 1.0 / m_vocabulary; }

protected:
    Row makeRow(RandomStream &stream, Split) const override
    {
        Row row(length());
        row.input(0) = draw(stream);
        for (int t = 0; t < length(); ++t) {
            const std::int64_t next = draw(stream);
            row.target(t) = next;
            if (t + 1 < length()) {
                row.input(t + 1) = next;
            }
        }
        return row;
    }
    bool predictsNextToken() const override { return true; }

private:
    std::int64_t draw(RandomStream &stream) const
    {
        return static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(m_vocabulary)));
    }

    int m_vocabulary;
};

} // namespace

DataSourceKind noiseKind()
{
    return {
        "noise",
        "Uniform random tokens: no causal model can get below ln V.",
        {{"vocabulary", 256}},
        [](const RunConfig &config) -> std::unique_ptr<DataSource> { return std::make_unique<NoiseSource>(config); }};
}

} // namespace sparsescope
