namespace Microsoft.ML.Generative.Training;

/// <summary>Options with a column of classes that a model is conditioned on.</summary>
internal interface ILabelOptions
{
    string? LabelColumnName { get; }

    int? LabelCount { get; set; }
}
