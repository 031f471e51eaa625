using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tests;
using Samples.Shared;

namespace Samples.Tests;

public class ConsoleTests
{
    [Fact]
    public void Redirected_progress_is_one_plain_line_for_the_first_the_epoch_ends_and_the_last()
    {
        using var text = new StringWriter { NewLine = "\n" };
        using (var progress = new ConsoleProgress("vae", text, terminal: null, TimeSpan.FromHours(1)))
        {
            for (var step = 1; step <= 6; step++)
                progress.Report(At(step, seconds: step));
            Assert.Equal([1L, 2, 3, 4, 5, 6], progress.History.Select(p => p.Step));
        }
        Assert.Equal(
            """
            vae   16%  step 1/6  epoch 1  loss 101.00 (reconstruction 80.500, kl 20.500)  12,346 rows/s  1:05 left
            vae   50%  step 3/6  epoch 1  loss 103.00 (reconstruction 82.500, kl 20.500)  12,346 rows/s  1:03 left
            vae  100%  step 6/6  epoch 2  loss 106.00 (reconstruction 85.500, kl 20.500)  12,346 rows/s  took 0:06 on cpu

            """.ReplaceLineEndings("\n"), text.ToString());
    }

    [Fact]
    public void Between_epochs_redirected_progress_waits_for_the_interval()
    {
        using var text = new StringWriter();
        using (var progress = new ConsoleProgress("vae", text, terminal: null, TimeSpan.FromSeconds(3)))
        {
            for (var step = 1; step <= 9; step++)
                progress.Report(At(step, seconds: step, total: 1000, stepsInEpoch: 1000));
        }
        string[] steps = [.. text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split("step ")[1].Split('/')[0])];
        Assert.Equal(["1", "4", "7", "9"], steps);
    }

    [Fact]
    public void The_output_folder_lists_what_was_written_and_only_that()
    {
        using var folder = new TemporaryFolder();
        var output = new SampleOutput(folder.File("new"));
        File.WriteAllText(output.File("a.txt", "a text"), "a");
        output.File("b.txt", "never written");
        using var text = new StringWriter { NewLine = "\n" };
        output.PrintFiles(text);
        Assert.Equal($"a text  {Path.Combine(folder.Path, "new", "a.txt")}\n", text.ToString());
    }

    [Fact]
    public void A_folder_that_cannot_be_made_names_the_option()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("taken"), "");
        Assert.Contains(
            "--output", Assert.Throws<IOException>(() => new SampleOutput(folder.File("taken"))).Message, StringComparison.Ordinal);
    }

    private static TrainingProgress At(int step, int seconds, int total = 6, int stepsInEpoch = 3) => new()
    {
        Step = step,
        TotalSteps = total,
        Epoch = (step - 1) / stepsInEpoch + 1,
        Loss = 100 + step,
        LossTerms = new Dictionary<string, double> { ["reconstruction"] = 79.5 + step, ["kl"] = 20.5 },
        LearningRate = 1e-3,
        SamplesPerSecond = 12345.6,
        Elapsed = TimeSpan.FromSeconds(seconds),
        Remaining = TimeSpan.FromSeconds(66 - seconds),
        Device = "cpu",
    };
}
