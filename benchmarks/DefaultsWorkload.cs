using System.Diagnostics;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// What each model's defaults cost on this machine: steps per second on MNIST, or on Shakespeare's plays, times the steps that the
/// defaults take. The processor's time is there beside the clock's, since it hardly depends on what else runs on the machine.
/// </summary>
internal static class DefaultsWorkload
{
    private const string Text = "tinyshakespeare/input.txt";

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        GenerativeTransformsCatalog models = ml.Transforms.Generative();
        IDataView digits = ml.Generative().Datasets.Mnist().TrainSet;
        string text = Path.Combine(ml.Generative().DataDirectory, Text);
        IDataView plays = ml.Data.LoadFromEnumerable(new[] { new Play { Text = File.ReadAllText(text) } });

        (string Name, TrainingOptions Options, Func<TrainingOptions, IEstimator<ITransformer>> Create, IDataView Data)[] all =
        [
            ("vae", new VaeOptions(), o => models.Vae((VaeOptions)o), digits),
            ("vq-vae, autoencoder", new VqVaeOptions(), o => models.VqVae((VqVaeOptions)o), digits),
            ("vq-vae, prior", new VqVaeOptions { MaxSteps = 1, PriorMaxSteps = VqVaeOptions.Defaults.PriorStepsOnCpu },
                o => models.VqVae((VqVaeOptions)o), digits),
            ("gan", new GanOptions(), o => models.Gan((GanOptions)o), digits),
            ("diffusion", new DiffusionOptions(), o => models.Diffusion((DiffusionOptions)o), digits),
            ("flow", new FlowOptions { InputColumnName = "Image" }, o => models.Flow((FlowOptions)o), digits),
            ("classifier", new ImageClassifierOptions(), o => models.ImageClassifier((ImageClassifierOptions)o), digits),
            ("language model", new LanguageModelOptions(), o => models.LanguageModel((LanguageModelOptions)o), plays),
        ];
        return new
        {
            workload = "defaults",
            threads = settings.Threads,
            models = all.Where(m => settings.Data is "fashion-mnist" || m.Name.StartsWith(settings.Data, StringComparison.Ordinal))
                .Select(m => Measure(m.Name, m.Options, m.Create, m.Data, settings)).ToArray(),
        };
    }

    private static object Measure(
        string name, TrainingOptions options, Func<TrainingOptions, IEstimator<ITransformer>> create, IDataView data,
        BenchmarkSettings settings)
    {
        using var stopping = new CancellationTokenSource();
        var clock = new Clock(stopping, settings.Seconds, name.EndsWith("prior", StringComparison.Ordinal) ? "prior" : null);
        (options.Progress, options.CancellationToken, options.Threads, options.Seed) = (clock, stopping.Token, settings.Threads, 1);
        try
        {
            (create(options).Fit(data) as IDisposable)?.Dispose();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        (double wall, double processor) = clock.SecondsPerStep;
        return new
        {
            name,
            steps = clock.TotalSteps,
            measured = clock.Steps,
            ms_per_step = Math.Round(1000 * wall, 2),
            processor_ms_per_step = Math.Round(1000 * processor, 2),
            minutes = Math.Round(wall * clock.TotalSteps / 60, 1),
            processor_minutes = Math.Round(processor * clock.TotalSteps / 60, 1),
        };
    }

    private sealed class Play
    {
        public string Text { get; set; } = "";
    }

    // From the second report on, when everything is warm.
    private sealed class Clock(CancellationTokenSource stopping, double seconds, string? stage) : IProgress<TrainingProgress>
    {
        private readonly List<(long Step, double Wall, double Processor)> _reports = [];

        public long TotalSteps { get; private set; }

        public long Steps => _reports[^1].Step - _reports[1].Step;

        public (double Wall, double Processor) SecondsPerStep =>
            ((_reports[^1].Wall - _reports[1].Wall) / Steps, (_reports[^1].Processor - _reports[1].Processor) / Steps);

        public void Report(TrainingProgress value)
        {
            if (stage is not null && value.Stage != stage)
                return;
            using Process process = Process.GetCurrentProcess();
            TotalSteps = value.TotalSteps;
            _reports.Add((value.Step, value.Elapsed.TotalSeconds, process.TotalProcessorTime.TotalSeconds));
            if (_reports.Count > 2 && _reports[^1].Wall - _reports[1].Wall > seconds)
                stopping.Cancel();
        }
    }
}
