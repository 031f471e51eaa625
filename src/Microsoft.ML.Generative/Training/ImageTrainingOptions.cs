using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>What the options of models that draw images have in common.</summary>
public abstract class ImageTrainingOptions : TrainingOptions
{
    private protected ImageTrainingOptions()
    {
    }

    /// <summary>
    /// A folder for images that show how far the training is: a PNG of what the model draws, always from the same noise, with the step in its name.
    /// Default: none.
    /// </summary>
    [JsonIgnore]
    public string? SampleDirectory { get; set; }

    /// <summary>
    /// Steps between the images in <see cref="SampleDirectory"/> and in <see cref="TrainingOptions.TensorBoardDirectory"/>, at least 1. Default: those of an epoch.
    /// </summary>
    [JsonIgnore]
    public long? SampleInterval { get; set; }

    internal override long? ImageInterval => SampleInterval;

    internal override string? ImageDirectory => SampleDirectory;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.AtLeast(SampleInterval, 1);
        OptionChecks.NullOrNotEmpty(SampleDirectory);
    }
}
