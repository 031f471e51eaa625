using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using TorchSharp;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>The conditions of a model; <see langword="null"/> for those that it does not have.</summary>
/// <param name="Label">The class.</param>
/// <param name="Image">The low-resolution image.</param>
internal sealed record ConditionSet(LabelCondition? Label = null, ImageCondition? Image = null)
{
    private readonly ICondition[] _all = [.. new ICondition?[] { Label, Image }.OfType<ICondition>()];

    /// <summary>Opens the conditions' columns.</summary>
    public IReadOnlyList<TensorColumn> OpenColumns(DataViewSchema schema) => [.. _all.Select(condition => condition.OpenColumn(schema))];

    /// <summary>Encodes the values of rows.</summary>
    /// <param name="columns">The columns of a batch, those of the conditions in the order of <see cref="OpenColumns"/>.</param>
    /// <param name="first">The first of them.</param>
    public ConditionValues Encode(IReadOnlyList<torch.Tensor> columns, int first) =>
        Encode(condition => columns[first + Array.IndexOf(_all, condition)]);

    /// <summary>Checks what a caller asks for.</summary>
    /// <param name="request">What the caller asks for.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="parameterName">Where it was given.</param>
    /// <exception cref="ArgumentException">A condition is missing, cannot be used, or is none of the model's.</exception>
    public void Check(ConditionRequest request, int count, string parameterName)
    {
        if (Label is null && request.HasLabel)
        {
            (string option, object[] values, _) = request.GivenLabels.First(given => given.Values.Length > 0);
            throw new ArgumentException(
                $"{option} is {LabelCondition.Describe(values[0])}, but the model was trained without labels.", parameterName);
        }

        if (Image is null && request.Image is not null)
            throw new ArgumentException(
                $"{nameof(DiffusionGenerateOptions.LowResolution)} was given, but the model was trained "
                + "without low-resolution images.", parameterName);
        foreach (ICondition condition in _all)
            condition.Check(request, count, parameterName);
    }

    /// <summary>Encodes the values that a caller asks for.</summary>
    /// <param name="request">What the caller asks for; checked.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="device">Where the values are wanted.</param>
    public ConditionValues Encode(ConditionRequest request, int first, int count, torch.Device device) =>
        Encode(condition => condition.ValuesOf(request, first, count, device));

    /// <summary>Encodes the first class and a black image for each of a number of rows.</summary>
    public ConditionValues Example(int rows, torch.Device device) =>
        Encode(new ConditionRequest(Label: 0, Image: Image is null ? null : new float[Image.Shape.Size]), 0, rows, device);

    /// <summary>The conditions that a caller asks for as columns of the generated rows: the classes, where the model has classes.</summary>
    /// <param name="request">What the caller asks for; checked.</param>
    /// <param name="count">The number of rows.</param>
    public IEnumerable<MemoryColumn> GeneratedColumns(ConditionRequest request, int count) => GeneratedColumns(request, first: 0, count);

    /// <inheritdoc cref="GeneratedColumns(ConditionRequest, int)"/>
    public IEnumerable<MemoryColumn> GeneratedColumns(ConditionRequest request, int first, int count) =>
        Label is null ? [] : [Label.GeneratedColumn(request, first, count)];

    /// <summary>Values as encoded, followed by their nulls: what one pass of a guided network takes.</summary>
    public ConditionValues WithNull(ConditionValues values) => new(Doubled(Label, values.Labels), Doubled(Image, values.Image));

    private ConditionValues Encode(Func<ICondition, torch.Tensor> valuesOf) =>
        new(Label?.Encode(valuesOf(Label)), Image?.Encode(valuesOf(Image)));

    private static torch.Tensor? Doubled(ICondition? condition, torch.Tensor? encoded) =>
        condition is null ? null : torch.cat([encoded!, condition.NullLike(encoded!)], 0);
}
