namespace Microsoft.ML.Generative.Training;

/// <summary>Options with the shape of images, where the column does not tell it.</summary>
internal interface IImageShapeOptions
{
    int? Channels { get; set; }

    int? Height { get; set; }

    int? Width { get; set; }
}
