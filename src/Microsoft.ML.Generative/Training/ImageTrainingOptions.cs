using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>The common options of models that generate images.</summary>
public abstract class ImageTrainingOptions : TrainingOptions
{
    private protected ImageTrainingOptions()
    {
    }

    /// <summary>
    /// A folder for images that show how far the training is: PNG files of what the model generates, always from the same noise, with the
    /// step in their names. Default: none.
    /// </summary>
    [JsonIgnore]
    public string? SampleDirectory { get; set; }

    /// <summary>
    /// Steps between the images in <see cref="SampleDirectory"/> and in <see cref="TrainingOptions.TensorBoardDirectory"/>, at least 1.
    /// Default: those of an epoch.
    /// </summary>
    [JsonIgnore]
    public long? SampleInterval { get; set; }

    internal override long? PreviewInterval => SampleInterval;

    internal override string? PreviewDirectory => SampleDirectory;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.AtLeast(SampleInterval, 1);
        OptionChecks.NullOrNotEmpty(SampleDirectory);
    }
}
