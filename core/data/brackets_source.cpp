#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"

#include <fmt/format.h>

namespace sparsescope {

namespace {

/// Dyck words of several kinds of brackets, nested at most `depth` deep. The loss is on the closing brackets only, whose
/// kind follows from the matching opening one: the lowest loss is 0. An odd length leaves one bracket open.
/// Tokens: 0 .. types-1 open, types .. 2 types-1 close.
class BracketsSource : public GeneratedSource {
public:
    explicit BracketsSource(const RunConfig &config)
        : GeneratedSource("brackets", config)
    {
        const GeneratorOptions options(config.data.options, bracketsKind().options, "brackets");
        m_types = options.integer("types", 1, 1024);
        m_depth = options.integer("depth", 1, 65536);
    }

    int vocabulary() const override { return 2 * m_types; }
    std::string word(std::int32_t id) const override
    {
        if (id < 0 || id >= vocabulary()) {
            return fmt::format("?{}", id);
        }
        const int type = id % m_types;
        if (m_types <= 4) {
            return std::string(1, (id < m_types ? "([{<" : ")]}>")[type]);
        }
        return id < m_types ? fmt::format("({}", type) : fmt::format("){}", type);
    }
    std::optional<double> floor() const override { return 0.0; }
    bool isTask() const override { return true; }
    std::optional<double> chanceAccuracy() const override { return 1.0 / m_types; }

protected:
    Row makeRow(RandomStream &stream, Split) const override
    {
        Row row(length());
        int answers = 0;
        std::vector<int> open; // positions of the brackets that wait for their partner
        for (int t = 0; t < length(); ++t) {
            const int left = length() - t;
            const int waiting = static_cast<int>(open.size());
            const bool mustClose = waiting == m_depth || left <= waiting;
            const bool close = waiting > 0 && (mustClose || stream.below(2) == 1);
            if (!close) {
                row.input(t) = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(m_types)));
                open.push_back(t);
                continue;
            }
            const int partner = open.back();
            open.pop_back();
            row.input(t) = row.input(partner) + m_types;
            row.ask(t - 1, row.input(t), {partner}, answers++);
        }
        return row;
    }

private:
    int m_types = 0;
    int m_depth = 0;
};

} // namespace

DataSourceKind bracketsKind()
{
    return {"brackets",
            "Nested brackets of several kinds: which kind closes next.",
            {{"types", 8}, {"depth", 8}},
            [](const RunConfig &config) -> std::unique_ptr<DataSource> {
                return std::make_unique<BracketsSource>(config);
            }};
}

} // namespace sparsescope
