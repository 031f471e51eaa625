using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>One training in two processes beside one in a single process, and what to expect of hundreds of GPUs.</summary>
internal static class ScalabilitySection
{
    /// <summary>The first argument of the program where it is one of the processes of a training; a folder follows.</summary>
    public const string Command = "scalability-process";

    private const int Steps = 12;
    private const int BatchSize = 64;

    private static readonly (string Name, double Parameters, double Tokens)[] _models =
        [("GPT-2 124M, 32,768 tokens", 124e6, 32_768), ("1B, 16,384 tokens", 1e9, 16_384)];

    /// <param name="Trainings">The trainings; none where there is no MPI.</param>
    /// <param name="Efficiencies">The predicted efficiencies, by model, GPUs, and whether the exchange overlaps.</param>
    public sealed record Result(
        IReadOnlyList<Training> Trainings, IReadOnlyList<(string Model, int Gpus, bool Overlaps, double Efficiency)> Efficiencies);

    /// <param name="Name">What it is.</param>
    /// <param name="Loss">The loss of the last step.</param>
    /// <param name="Seconds">How long it took.</param>
    /// <param name="Difference">The largest difference of its model's outputs from those of the first training.</param>
    public sealed record Training(string Name, double Loss, double Seconds, double Difference);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("13. Training on several machines");
        return new Result(Train(), Predict(lesson));
    }

    /// <summary>Two trainings of a process that mpirun has started.</summary>
    /// <param name="folder">For results and checkpoints.</param>
    /// <returns>The exit code.</returns>
    public static int RunProcess(string folder)
    {
        Fit(folder, "two", new DistributedOptions(), batches: 1);
        // The processes share the optimizer's state, and stop in the middle.
        Fit(folder, "half", new DistributedOptions { ShardOptimizer = true }, batches: 1, stopAfter: Steps / 2);
        return 0;
    }

    private static Training[] Train()
    {
        string folder = Directory.CreateTempSubdirectory("scalability").FullName;
        try
        {
            if (!StartTwoProcesses(folder))
            {
                Console.WriteLine(
                    "There is no mpirun, which starts the processes: apt install openmpi-bin (Debian, Ubuntu) or brew install open-mpi.\n");
                return [];
            }

            Fit(folder, "one", null, batches: 2);
            Fit(folder, "half", null, batches: 1);
            Training[] trainings =
            [
                Read(folder, "1 process, 2 batches in a step", "one"),
                Read(folder, "2 processes, 1 batch each", "two"),
                Read(folder, "2 processes, resumed by 1", "half"),
            ];
            Console.WriteLine($"{Steps} steps of {2 * BatchSize} digits:");
            foreach (Training training in trainings)
            {
                Console.WriteLine(
                    $"    {training.Name,-32} loss {training.Loss:F4}, {training.Seconds,5:F2} s, "
                    + $"largest difference {training.Difference:G2}");
            }

            Console.WriteLine();
            return trainings;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool StartTwoProcesses(string folder)
    {
        string program = typeof(ScalabilitySection).Assembly.Location;
        var start = new ProcessStartInfo("mpirun", ["-n", "2", "dotnet", program, Command, folder]) { RedirectStandardError = true };
        // mpirun refuses to start as root, and more processes than processors, unless it is told that this is meant.
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1";
        start.Environment["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe";
        try
        {
            using Process process = Process.Start(start)!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? true : throw new InvalidOperationException($"mpirun has failed: {errors}");
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static void Fit(string folder, string name, DistributedOptions? distributed, int batches, int? stopAfter = null)
    {
        var ml = new MLContext();
        IDataView digits = ml.Generative().Datasets.Digits(600, seed: 1);
        var clock = Stopwatch.StartNew();
        double loss = 0;
        using var stopping = new CancellationTokenSource();
        var options = new VaeOptions
        {
            HiddenSizes = [128],
            LatentSize = 8,
            BatchSize = BatchSize,
            MaxSteps = Steps,
            GradientAccumulationSteps = batches,
            Distributed = distributed,
            Checkpoints = name == "half" ? new CheckpointOptions(Path.Combine(folder, "checkpoints")) : null,
            CancellationToken = stopping.Token,
            Progress = new Reports(report =>
            {
                loss = report.Loss;
                if (report.Step >= stopAfter)
                    stopping.Cancel();
            }),
            Seed = 1,
            Threads = 1,
            Precision = ComputePrecision.Float32,
        };
        try
        {
            using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(digits);
            clock.Stop();
            float[] latent = [.. model.Transform(ml.Data.TakeRows(digits, 20)).GetColumn<float[]>("Latent").SelectMany(v => v)];
            // All processes have the same model; process 0 alone has the reports.
            if (Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK") is null or "0")
                Write(folder, name, [loss, clock.Elapsed.TotalSeconds, .. latent]);
        }
        catch (OperationCanceledException) when (stopAfter is not null)
        {
            // The checkpoint is written.
        }
    }

    private static Training Read(string folder, string title, string name)
    {
        double[] values = Values(folder, name), first = Values(folder, "one");
        return new Training(title, values[0], values[1], values.Zip(first, (a, b) => Math.Abs(a - b)).Skip(2).Max());
    }

    private static void Write(string folder, string name, double[] values) =>
        File.WriteAllBytes(Path.Combine(folder, name), MemoryMarshal.AsBytes<double>(values));

    private static double[] Values(string folder, string name) =>
        MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(Path.Combine(folder, name))).ToArray();

    private static List<(string Model, int Gpus, bool Overlaps, double Efficiency)> Predict(Lesson lesson)
    {
        int[] gpus = [8, 16, 32, 64, 128, 256, 512];
        var efficiencies = new List<(string Model, int Gpus, bool Overlaps, double Efficiency)>();
        var chart = new Chart("Efficiency of data parallel training", "GPUs", "time spent computing, %", logX: true);
        foreach (((string name, double parameters, double tokens), int color) in _models.Zip([0, 1]))
        {
            foreach (bool overlaps in (bool[])[false, true])
            {
                double[] shares = [.. gpus.Select(n => ScalePrediction.Efficiency(parameters, tokens, n, overlaps))];
                efficiencies.AddRange(gpus.Zip(shares, (n, share) => (name, n, overlaps, share)));
                chart.Line(
                    overlaps ? $"{name}, overlapping" : name, [.. gpus.Zip(shares, (n, share) => ((double)n, 100 * share))], color,
                    dashed: overlaps);
            }

            Console.WriteLine($"{name}, predicted:");
            foreach (int n in (int[])[8, 64, 512])
            {
                Console.WriteLine(
                    $"    {n,3} GPUs: efficiency {ScalePrediction.Efficiency(parameters, tokens, n, overlaps: false):P0}, overlapping "
                    + $"{ScalePrediction.Efficiency(parameters, tokens, n, overlaps: true):P0}; moments of AdamW "
                    + $"{ScalePrediction.OptimizerBytes(parameters, n) / 1e6:N0} MB in each instead of "
                    + $"{ScalePrediction.OptimizerBytes(parameters, 1) / 1e6:N0} MB");
            }
        }

        chart.Range(yLow: 0, yHigh: 105).Save(lesson.Output.File("scalability.png", "what to expect of many GPUs"));
        return efficiencies;
    }

    private sealed class Reports(Action<TrainingProgress> receive) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => receive(value);
    }
}
