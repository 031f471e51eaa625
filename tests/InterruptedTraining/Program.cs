// A training for a test to kill: it says each step that it has done, and goes on where an earlier one was killed. Before it says a step it
// waits for a line of its input, as long as that is open.
// Arguments: the file for the model, and optionally the folder for checkpoints and the steps between them. Without arguments it only uses
// libtorch once.
// Or 'distributed', the beginning of a file's name, what happens, and optionally the folder for checkpoints and the epochs: the training
// is then one of several processes.
// Or 'preload' and what the program does while libtorch is loaded.
// Or 'waiting' and what the threads of libtorch wait for.
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;

if (args.Length == 0)
{
    using var scheduler = new EulerScheduler();
    Console.WriteLine(scheduler.Timesteps.Count);
    return;
}

if (args[0] == "preload")
{
    Preloading.Run(args[1]);
    return;
}

if (args[0] == "waiting")
{
    Waiting.Run(args[1]);
    return;
}

if (args[0] == "distributed")
{
    try
    {
        DistributedTraining.Run(args[1], args[2], args.ElementAtOrDefault(3), int.Parse(args.ElementAtOrDefault(4) ?? "3"));
    }
    catch (Exception e)
    {
        Console.Error.WriteLine(e.Message);
        Environment.ExitCode = 1;
    }

    return;
}

var ml = new MLContext(seed: 4);
IDataView rows = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 256).Select(i =>
{
    var random = new Random(i);
    return new Row { Features = [.. Enumerable.Range(0, Row.Size).Select(_ => random.NextSingle())] };
}).ToArray());
var options = new VaeOptions
{
    InputColumnName = nameof(Row.Features),
    HiddenSizes = [256, 128],
    LatentSize = 8,
    BatchSize = 24,
    Epochs = 30,
    EmaDecay = 0.99,
    Threads = 1,
    ValidationData = ml.Data.TakeRows(rows, 50),
    Checkpoints =
        args.Length > 1 ? new CheckpointOptions(args[1]) { Steps = long.Parse(args.ElementAtOrDefault(2) ?? "1"), Keep = 2 } : null,
    Progress = new StepLines(),
};
using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(rows);
ml.Model.Save(model, rows.Schema, args[0]);

internal sealed class Row
{
    public const int Size = 96;

    [VectorType(Size)]
    public float[] Features { get; set; } = [];
}

internal sealed class StepLines : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value)
    {
        Console.In.ReadLine();
        Console.WriteLine(FormattableString.Invariant($"{value.Step} {value.Loss:R} {value.ValidationLoss:R}"));
        Console.Out.Flush();
    }
}
