using System.Diagnostics;
using System.Text.Json;
using Microsoft.ML.Generative.Training.Distributed;
using Xunit.Abstractions;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Two processes of a program that trains, started by <c>mpirun</c>.</summary>
public sealed class MpiTests(ITestOutputHelper log)
{
    // With other sums, Adam turns the rounding of gradients next to 0 into whole steps.
    private const double Tolerance = 1e-6;

    // Of what a policy generates, a process has batches of other sizes.
    private static readonly Dictionary<string, double> _tolerances = new() { [nameof(DiffusionRewardConformityTests)] = 1e-2 };

    [MpiFact]
    public void Two_processes_train_one_model_as_one_process_does_and_resume_after_a_kill()
    {
        using var folder = new TemporaryFolder();
        (int code, string output, string errors) = Run(2, folder.File("two"), "train");
        Assert.True(code == 0, output + errors);
        (code, output, errors) = Run(0, folder.File("one"), "train");
        Assert.True(code == 0, output + errors);

        float[] first = Weights(folder.File("two.0")), second = Weights(folder.File("two.1")), one = Weights(folder.File("one.0"));
        Assert.Equal(first, second);
        Assert.Equal(one, first);

        var watch = Stopwatch.StartNew();
        (code, output, errors) = Run(2, folder.File("killed"), "kill", folder.File("checkpoints"));
        Assert.NotEqual(0, code);
        Assert.Contains("rank 1", output + errors, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 60);
        Assert.False(File.Exists(folder.File("killed.0")));
        (code, output, errors) = Run(2, folder.File("resumed"), "train", folder.File("checkpoints"));
        Assert.True(code == 0, output + errors);
        Assert.Equal(first, Weights(folder.File("resumed.0")));
    }

    // GENERATIVE_FAMILY_STEPS asks for another number of steps, such as 20.
    [MpiFact]
    public void Two_processes_train_each_family_as_one_does_with_twice_as_many_batches()
    {
        using var folder = new TemporaryFolder();
        string steps = Environment.GetEnvironmentVariable("GENERATIVE_FAMILY_STEPS") ?? "1";
        string program = Path.Combine(AppContext.BaseDirectory, "Microsoft.ML.Generative.Tests.dll");
        (int code, string output, string errors) = Start(2, [program, folder.File("difference"), steps]);
        Assert.True(code == 0, output + errors);
        FamilyDifference[] differences = [.. Enumerable.Range(0, 2).SelectMany(rank =>
            JsonSerializer.Deserialize<FamilyDifference[]>(File.ReadAllText(folder.File($"difference.{rank}")))!)];
        foreach (FamilyDifference difference in differences)
            log.WriteLine($"{difference.Family}: {difference.Relative:G3} in {difference.Tensor}");
        Assert.Equal(TrainingProcess.Families().Select(f => f.Name).Order(), differences.Select(d => d.Family).Order());
        Assert.All(differences, d => Assert.InRange(d.Relative, 0, _tolerances.GetValueOrDefault(d.Family, Tolerance)));
    }

    [MpiFact]
    public void An_error_in_one_process_reaches_the_other_and_is_named()
    {
        using var folder = new TemporaryFolder();
        (int code, string output, string errors) = Run(2, folder.File("x"), "throw");
        Assert.NotEqual(0, code);
        Assert.Contains("Process 1 of 2 has failed: ", output + errors, StringComparison.Ordinal);
        Assert.Contains("Thrown on purpose.", output + errors, StringComparison.Ordinal);
    }

    [Fact]
    public void The_launchers_own_library_is_tried_first()
    {
        if (!OperatingSystem.IsLinux())
            return;
        Assert.Equal("libmpi.so.40", MpiLibrary.Candidates(isOpenMpi: true)[0]);
        Assert.NotEqual("libmpi.so.40", MpiLibrary.Candidates(isOpenMpi: false)[0]);
    }

    private static (int Code, string Output, string Errors) Run(int processes, string result, string action, string? checkpoints = null)
    {
        string[] resumable = checkpoints is null ? [] : [checkpoints];
        return Start(processes, [ChildProgram.Library, "distributed", result, action, .. resumable]);
    }

    private static (int Code, string Output, string Errors) Start(int processes, string[] arguments)
    {
        string[] command = ["dotnet", .. arguments];
        if (processes > 0)
            command = ["mpirun", "-n", $"{processes}", .. command];
        ProcessStartInfo start = ChildProgram.Of(command[0], command[1..]);
        // Containers run tests as root, on fewer processors than there are processes.
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1";
        start.Environment["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe";
        return ChildProgram.Run(start);
    }

    private static float[] Weights(string file) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
}
