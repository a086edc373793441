#include <QtTest>

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

/// The include paths are the firewall: a part cannot even find the headers it must not know. This test hands offending
/// files to the project's compiler with the very flags of each target and reads the compiler's answer.
class TestFirewall : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_build = qEnvironmentVariable("SPARSESCOPE_BUILD");
        m_source = qEnvironmentVariable("SPARSESCOPE_SOURCE");
        QVERIFY2(!m_build.isEmpty() && !m_source.isEmpty(), "SPARSESCOPE_BUILD or SPARSESCOPE_SOURCE is not set");
        QFile file(m_build + "/compile_commands.json");
        QVERIFY2(file.open(QIODevice::ReadOnly), qPrintable(file.fileName() + ": " + file.errorString()));
        m_commands = QJsonDocument::fromJson(file.readAll()).array();
        QVERIFY(!m_commands.isEmpty());
        QVERIFY(m_folder.isValid());
    }

    void compiles_data()
    {
        QTest::addColumn<QString>("part");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("missing"); // empty: it must compile

        // What each part may know is found: without these rows, broken flags would look like a firewall.
        row("base, its own", "core/base", "#include \"core/base/config.h\"\n");
        row("model, torch", "core/model", "#include <ATen/core/Tensor.h>\n");
        row("ops, torch", "kernels/ops", "#include <ATen/core/Tensor.h>\n");
        row("cli, a door", "app/cli", "#include \"core/train/train_run.h\"\n");
        row("launch, CUDA", "kernels/launch", "#include <cuda_runtime.h>\n");
        row("widgets, Qt", "widgets", "#include <QWidget>\n#include \"core/base/config.h\"\n");
        row("app, a door", "app", "#include <QWidget>\n#include \"core/experiment/runner.h\"\n");

        row("base, torch", "core/base", "#include <ATen/core/Tensor.h>\n", "ATen/core/Tensor.h");
        row("base, Qt", "core/base", "#include <QString>\n", "QString");
        row("data, torch", "core/data", "#include <torch/torch.h>\n", "torch/torch.h");
        row("data, Qt", "core/data", "#include <QString>\n", "QString");
        row("model, Qt", "core/model", "#include <QWidget>\n", "QWidget");
        row("probe, Qt", "core/probe", "#include <QString>\n", "QString");
        row("train, Qt", "core/train", "#include <QWidget>\n", "QWidget");
        row("experiment, Qt", "core/experiment", "#include <QObject>\n", "QObject");
        row("ops, Qt", "kernels/ops", "#include <QString>\n", "QString");
        row("launch, torch", "kernels/launch", "#include <ATen/core/Tensor.h>\n", "ATen/core/Tensor.h");
        row("launch, Qt", "kernels/launch", "#include <QString>\n", "QString");
        row("cli, torch", "app/cli", "#include <ATen/core/Tensor.h>\n", "ATen/core/Tensor.h");
        row("cli, a model header", "app/cli", "#include \"core/model/transformer.h\"\n", "ATen/");
        row("cli, Qt", "app/cli", "#include <QCoreApplication>\n", "QCoreApplication");
        row("widgets, torch", "widgets", "#include <ATen/core/Tensor.h>\n", "ATen/core/Tensor.h");
        row("widgets, a model header", "widgets", "#include \"core/model/transformer.h\"\n", "ATen/");
        row("app, torch", "app", "#include <torch/csrc/autograd/variable.h>\n", "torch/csrc/autograd/variable.h");
        row("app, a model header", "app", "#include \"core/model/transformer.h\"\n", "ATen/");
    }

    void compiles()
    {
        QFETCH(QString, part);
        QFETCH(QString, text);
        QFETCH(QString, missing);
        QString directory;
        QStringList command = commandOf(part, &directory);
        if (command.isEmpty() && !partIsBuilt(part))
            QSKIP(qPrintable(part + " is left out of this build"));
        QVERIFY2(!command.isEmpty(), qPrintable("no compile command of " + part + " in " + m_build));

        const QString suffix = part == "kernels/launch" ? ".cu" : ".cpp";
        QFile file(m_folder.filePath("offence" + suffix));
        QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
        file.write(text.toUtf8() + "int offence() { return 0; }\n");
        file.close();

        command << file.fileName()
                << (suffix == ".cu" ? QStringList{"-E", "-o", "/dev/null"} : QStringList{"-fsyntax-only"});
        QProcess compiler;
        compiler.setWorkingDirectory(directory);
        compiler.setProcessChannelMode(QProcess::MergedChannels);
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("LC_ALL", "C");
        compiler.setProcessEnvironment(environment);
        compiler.start(command.takeFirst(), command);
        QVERIFY2(compiler.waitForFinished(120000), qPrintable(compiler.errorString()));
        const QString answer = QString::fromLocal8Bit(compiler.readAll());
        if (missing.isEmpty()) {
            QVERIFY2(compiler.exitCode() == 0, qPrintable(answer));
            return;
        }
        QVERIFY2(compiler.exitCode() != 0, qPrintable(part + " compiled " + text));
        const QRegularExpression expected("fatal error: " + QRegularExpression::escape(missing) +
                                          "\\S*: No such file or directory");
        QVERIFY2(answer.contains(expected), qPrintable("the compiler stopped for another reason:\n" + answer));
    }

private:
    static void row(const char *name, const char *part, const char *text, const char *missing = "")
    {
        QTest::newRow(name) << QString(part) << QString(text) << QString(missing);
    }

    /// Kernels need a CUDA compiler, widgets and app need Qt; the rest is always built.
    bool partIsBuilt(const QString &part) const
    {
        if (part == "widgets" || part == "app")
            return qEnvironmentVariable("SPARSESCOPE_GUI") != "OFF";
        return part != "kernels/launch";
    }

    /// Compiler and flags of a source that lies directly or anywhere below in that part, less source and output.
    QStringList commandOf(const QString &part, QString *directory) const
    {
        for (const QJsonValue &value : m_commands) {
            const QJsonObject entry = value.toObject();
            const QString file = entry["file"].toString();
            const QString start = m_source + "/" + part + "/";
            if (!file.startsWith(start) || (part == "app" && file.startsWith(m_source + "/app/cli/")))
                continue;
            *directory = entry["directory"].toString();
            const QStringList words = QProcess::splitCommand(entry["command"].toString());
            QStringList kept;
            for (int i = 0; i < words.size(); ++i) {
                if (words[i].endsWith("ccache") && kept.isEmpty())
                    continue;
                if (words[i] == "-o" || words[i] == "-MF" || words[i] == "-MT")
                    ++i;
                else if (words[i] != "-c" && words[i] != "-MD" && words[i] != file)
                    kept << words[i];
            }
            return kept;
        }
        return {};
    }

    QString m_build;
    QString m_source;
    QJsonArray m_commands;
    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(TestFirewall)
#include "tst_firewall.moc"
