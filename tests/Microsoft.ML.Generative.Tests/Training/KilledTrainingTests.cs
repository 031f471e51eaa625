using System.Diagnostics;
using System.IO.Compression;
using Xunit.Abstractions;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A process that trains is killed again and again, as by a crash of the machine's power or an impatient scheduler.</summary>
public sealed class KilledTrainingTests(ITestOutputHelper output)
{
    private const int Kills = 22;

    // Starts two dozen processes: that is what it takes.
    [Fact]
    public void A_training_killed_at_random_moments_ends_with_the_model_of_an_undisturbed_one()
    {
        using var folder = new TemporaryFolder();
        string checkpoints = folder.File("checkpoints");
        Dictionary<long, string> expected = Complete(folder.File("undisturbed.zip"), null);

        var random = new Random(20);
        var seen = new Dictionary<long, string>();
        (int killed, int whileWriting) = (0, 0);
        // On a busy machine it may take more of them until one comes while a checkpoint is written.
        for (; killed < Kills || (whileWriting == 0 && killed < 5 * Kills); killed++)
        {
            using Process training = Start(folder.File("killed.zip"), checkpoints);
            int wanted = killed < Kills ? random.Next(1, 9) : 1;
            // However late the kill comes, the training has not ended before.
            for (int steps = wanted; steps > 0; steps--)
                training.StandardInput.WriteLine();
            for (int steps = wanted; steps > 0; steps--)
            {
                Note(seen, training.StandardOutput.ReadLine()
                    ?? throw new InvalidOperationException($"It ended by itself: {training.StandardError.ReadToEnd()}"));
            }
            // Between two steps most of the time goes into writing the checkpoint; then the training waits.
            Thread.Sleep(TimeSpan.FromMilliseconds(random.NextDouble() * 4));
            training.Kill();
            string rest = training.StandardOutput.ReadToEnd();
            foreach (string line in rest.Split('\n')[..^1])
                Note(seen, line);
            training.WaitForExit();
            whileWriting += Directory.GetFiles(checkpoints, ".*.tmp").Length;
        }

        foreach (var (step, line) in Complete(folder.File("killed.zip"), checkpoints))
            Note(seen, line, step);

        output.WriteLine($"{killed} kills, {whileWriting} of them while a checkpoint was being written.");
        Assert.True(whileWriting > 0);
        Assert.Equal(expected.OrderBy(e => e.Key), seen.OrderBy(e => e.Key));
        Assert.Equal(Weights(folder.File("undisturbed.zip")), Weights(folder.File("killed.zip")));
        Assert.Empty(Directory.GetFiles(checkpoints, "*.damaged"));
    }

    [LinuxFact]
    public void A_training_that_the_system_asks_to_end_writes_a_checkpoint_and_resumes_from_it()
    {
        using var folder = new TemporaryFolder();
        string checkpoints = folder.File("checkpoints");
        long last = 0;
        using (Process training = Start(folder.File("model.zip"), checkpoints, "1000000"))
        {
            for (int steps = 0; steps < 3; steps++)
            {
                training.StandardInput.WriteLine();
                last = Step(training.StandardOutput.ReadLine()!);
            }
            using (Process kill = Process.Start("kill", ["-TERM", $"{training.Id}"]))
                kill.WaitForExit();
            // Slowly, so that the signal arrives before the last step. It may end with the third.
            while (TryContinue(training, TimeSpan.FromMilliseconds(50)) && training.StandardOutput.ReadLine() is { } line)
                last = Step(line);
            string errors = training.StandardError.ReadToEnd();
            training.WaitForExit();
            Assert.NotEqual(0, training.ExitCode);
            Assert.Contains("SIGTERM", errors, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(folder.File("model.zip")));
        Dictionary<long, string> rest = Complete(folder.File("model.zip"), checkpoints);
        Assert.InRange(last, 3, rest.Keys.Max() - 1);
        Assert.Equal(last + 1, rest.Keys.Min());
    }

    private static bool TryContinue(Process training, TimeSpan pause)
    {
        Thread.Sleep(pause);
        try
        {
            training.StandardInput.WriteLine();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static long Step(string line) => long.Parse(line.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    // A step that was done again after a kill must report what it reported before.
    private static void Note(Dictionary<long, string> seen, string line, long? step = null)
    {
        step ??= Step(line);
        if (!seen.TryAdd(step.Value, line))
            Assert.Equal(seen[step.Value], line);
    }

    private static Dictionary<long, string> Complete(string model, string? checkpoints)
    {
        using Process training = Start(model, checkpoints);
        training.StandardInput.Close();
        var lines = new Dictionary<long, string>();
        while (training.StandardOutput.ReadLine() is { } line)
            Note(lines, line);
        string errors = training.StandardError.ReadToEnd();
        training.WaitForExit();
        Assert.True(training.ExitCode == 0, errors);
        return lines;
    }

    private static Process Start(string model, string? checkpoints, string steps = "1")
    {
        string[] resumable = checkpoints is null ? [] : [checkpoints, steps];
        ProcessStartInfo start = ChildProgram.Of("dotnet", [ChildProgram.Library, model, .. resumable]);
        start.RedirectStandardInput = true;
        return Process.Start(start)!;
    }

    private static byte[] Weights(string model)
    {
        using ZipArchive archive = ZipFile.OpenRead(model);
        using Stream entry = archive.Entries.Single(e => e.Name == "autoencoder.safetensors").Open();
        using var bytes = new MemoryStream();
        entry.CopyTo(bytes);
        return bytes.ToArray();
    }
}
