#include "widgets/style/dialogs.h"

#include <QFileDialog>
#include <QMessageBox>
#include <QPushButton>

#include <optional>
#include <utility>
#include <vector>

namespace sparsescope::dialogs {

namespace {

std::optional<int> g_answer;
std::optional<QString> g_path;
QStringList g_asked;

} // namespace

void setNextAnswer(int button) { g_answer = button; }

void setNextPath(const QString &path) { g_path = path; }

QStringList asked() { return g_asked; }

int ask(QWidget *parent, const QString &title, const QString &text, const QStringList &buttons)
{
    g_asked << title;
    if (g_answer) {
        return *std::exchange(g_answer, std::nullopt);
    }
    QMessageBox box(QMessageBox::Warning, title, QStringLiteral("<b>%1</b>").arg(title.toHtmlEscaped()),
                    QMessageBox::NoButton, parent);
    box.setInformativeText(text);
    std::vector<QPushButton *> added;
    for (const QString &button : buttons) {
        // Roles order buttons differently on each desktop; one role keeps the order of the call.
        added.push_back(box.addButton(button, QMessageBox::ActionRole));
    }
    added.front()->setProperty("role", "primary");
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
