using System.Diagnostics;
using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Two processes of a program that trains, started by <c>mpirun</c>.</summary>
public sealed class MpiTests
{
    [MpiFact]
    public void Two_processes_train_one_model_as_one_process_does_with_twice_as_many_batches()
    {
        using var folder = new TemporaryFolder();
        (int code, string output, string errors) = Run(2, folder.File("two"), "train");
        Assert.True(code == 0, output + errors);
        (code, output, errors) = Run(0, folder.File("one"), "train");
        Assert.True(code == 0, output + errors);

        float[] first = Weights(folder.File("two.0")), second = Weights(folder.File("two.1")), one = Weights(folder.File("one.0"));
        Assert.Equal(first, second);
        Assert.Equal(one.Length, first.Length);
        Assert.InRange(one.Zip(first, (a, b) => Math.Abs((double)a - b)).Max(), 0, 1e-5);
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

    [MpiFact]
    public void A_killed_process_ends_the_other()
    {
        using var folder = new TemporaryFolder();
        var watch = Stopwatch.StartNew();
        (int code, string output, string errors) = Run(2, folder.File("x"), "kill");
        Assert.NotEqual(0, code);
        Assert.Contains("rank 1", output + errors, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 60);
    }

    [Fact]
    public void The_launchers_own_library_is_tried_first()
    {
        if (!OperatingSystem.IsLinux())
            return;
        Assert.Equal("libmpi.so.40", MpiLibrary.Candidates(isOpenMpi: true)[0]);
        Assert.NotEqual("libmpi.so.40", MpiLibrary.Candidates(isOpenMpi: false)[0]);
    }

    private static (int Code, string Output, string Errors) Run(int processes, string result, string action)
    {
        // Built beside this project, in the same configuration and for the same framework.
        string here = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        string program = Path.Combine(
            here.Replace("Microsoft.ML.Generative.Tests", "InterruptedTraining", StringComparison.Ordinal), "InterruptedTraining.dll");
        string[] command = ["dotnet", program, "distributed", result, action];
        if (processes > 0)
            command = ["mpirun", "-n", $"{processes}", .. command];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // Containers run tests as root, on fewer processors than there are processes.
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1";
        start.Environment["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    private static float[] Weights(string file) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
}
