#include "widgets/style/dialogs.h"

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QFileDialog>
#include <QMessageBox>
#include <QPainter>
#include <QPushButton>

#include <optional>
#include <utility>
#include <vector>

namespace sparsescope::dialogs {

namespace {

std::optional<int> g_answer;
std::optional<QString> g_path;
QStringList g_asked;

QPixmap sign(Question question, double dpr)
{
    constexpr int kSize = 28;
    QPixmap picture(QSize(kSize, kSize) * dpr);
    picture.setDevicePixelRatio(dpr);
    picture.fill(Qt::transparent);
    QPainter painter(&picture);
    painter.setRenderHint(QPainter::Antialiasing);
    const Tokens &t = currentTokens();
    const bool warning = question == Question::Warning;
    paintIcon(painter, QRectF(0, 0, kSize, kSize), warning ? Icon::Check : Icon::Info, warning ? t.check : t.accent,
              t.window);
    return picture;
}

} // namespace

void setNextAnswer(int button) { g_answer = button; }

void setNextPath(const QString &path) { g_path = path; }

QStringList asked() { return g_asked; }

int ask(QWidget *parent, const QString &title, const QString &text, const QStringList &buttons, Question question)
{
    g_asked << title;
    if (g_answer) {
        return *std::exchange(g_answer, std::nullopt);
    }
    QMessageBox box(QMessageBox::NoIcon, title, QStringLiteral("<b>%1</b>").arg(title.toHtmlEscaped()),
                    QMessageBox::NoButton, parent);
    box.setInformativeText(text);
    box.setIconPixmap(sign(question, box.devicePixelRatioF()));
    std::vector<QPushButton *> added;
    for (const QString &button : buttons) {
        // Roles order buttons differently on each desktop; one role keeps the order of the call.
        added.push_back(box.addButton(button, QMessageBox::ActionRole));
    }
    setRole(added.front(), "primary");
    box.setDefaultButton(added.front());
    QPushButton *escape = box.addButton(QMessageBox::Close);
    escape->hide();
    box.setEscapeButton(escape);
    box.exec();
    for (std::size_t index = 0; index < added.size(); ++index) {
        if (box.clickedButton() == added[index]) {
            return static_cast<int>(index);
        }
    }
    return -1;
}

QString chooseFolder(QWidget *parent, const QString &title, const QString &start)
{
    g_asked << title;
    if (g_path) {
        return *std::exchange(g_path, std::nullopt);
    }
    return QFileDialog::getExistingDirectory(parent, title, start);
}

QString chooseFile(QWidget *parent, const QString &title, const QString &start, const QString &filter)
{
    g_asked << title;
    if (g_path) {
        return *std::exchange(g_path, std::nullopt);
    }
    return QFileDialog::getOpenFileName(parent, title, start, filter);
}

QString chooseNewFile(QWidget *parent, const QString &title, const QString &start, const QString &filter)
{
    g_asked << title;
    if (g_path) {
        return *std::exchange(g_path, std::nullopt);
    }
    return QFileDialog::getSaveFileName(parent, title, start, filter);
}

} // namespace sparsescope::dialogs
