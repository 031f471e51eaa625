namespace Microsoft.ML.Generative.Tests;

/// <summary>How a model of the baselines was made, and what it is asked.</summary>
/// <param name="Data">The rows that it is trained on.</param>
/// <param name="Fit">Trains it, with options that are changed in the way given.</param>
/// <param name="Measure">Adds what a model computes.</param>
internal sealed record BaselineRecipe(
    Func<MLContext, IDataView> Data, Func<MLContext, Action<TrainingOptions>, ITransformer> Fit, Action<MLContext, ITransformer, BaselineOutputs> Measure)
{
    /// <summary>The step after which the training of the checkpoints was interrupted, in the middle of the second epoch.</summary>
    public const long InterruptedStep = 5;

    /// <summary>The format that is written today; files keep that of their time in their names.</summary>
    public int Format { get; init; } = 1;

    /// <summary>What the files of a training that was interrupted begin with: the network's name, the one that was interrupted last.</summary>
    public string[]? Stages { get; init; }

    public BaselineOutputs Outputs(MLContext ml, ITransformer model, DataViewSchema schema)
    {
        var outputs = new BaselineOutputs();
        outputs.Add("Schema", schema.Select(c => $"{c.Name} {c.Type}"));
        Measure(ml, model, outputs);
        return outputs;
    }

    public BaselineOutputs Outputs(MLContext ml, ITransformer model)
    {
        var outputs = new BaselineOutputs();
        Measure(ml, model, outputs);
        return outputs;
    }
}
