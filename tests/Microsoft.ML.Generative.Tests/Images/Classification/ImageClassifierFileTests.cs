using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageClassifierFileTests
{
    private static readonly ImageClassifierDefinition _sound = ImageClassifierDefinition.Of(
        new ImageClassifierOptions { BaseChannels = 4 }, new ImageShape(1, 8, 8), 2, new ClassLabels(DataKind.Int32, ["0", "1"]));

    [Fact]
    public void A_file_from_a_stranger_loads_by_the_checked_way()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = TinyImages.AsVectors(ml, 16);
        using ImageClassifierTransformer model = ml.Transforms.Generative().ImageClassifier(
            new ImageClassifierOptions
            {
                LabelColumnName = "Number",
                LabelCount = 16,
                InputColumnName = "Pixels",
                BaseChannels = 4,
                Epochs = 1,
            }).Fit(data);
        using var folder = new TemporaryFolder();
        ml.Model.Save(model, data.Schema, folder.File("classifier.zip"));
        ITransformer loaded = new MLContext().Generative().LoadModel(folder.File("classifier.zip"), out _);
        using var owned = loaded as IDisposable;
        Assert.Equal(model.Transform(data).GetColumn<float[]>("Score"), loaded.Transform(data).GetColumn<float[]>("Score"));
    }

    [Theory]
    [InlineData("1 labels cannot be combined with 2 classes")]
    [InlineData("a class has a label that is no Int32")]
    [InlineData("classes have labels of type DateTime")]
    [InlineData("there are no images of")]
    [InlineData("ClassCount is 1")]
    [InlineData("Stages is 40")]
    public void A_configuration_that_contradicts_itself_is_refused(string message)
    {
        _sound.Validate();
        ImageClassifierDefinition WithClasses(ClassLabels classes) => _sound with { Columns = _sound.Columns with { Classes = classes } };
        ImageClassifierDefinition definition = message.Split(' ') switch
        {
            ["1", ..] => WithClasses(new ClassLabels(DataKind.Int32, ["0"])),
            ["a", ..] => WithClasses(new ClassLabels(DataKind.Int32, ["0", "one"])),
            ["classes", ..] => WithClasses(new ClassLabels(DataKind.DateTime, ["0", "1"])),
            ["there", ..] => _sound with { Architecture = _sound.Architecture with { Shape = new ImageShape(0, 8, 8) } },
            ["ClassCount", ..] => _sound with { Architecture = _sound.Architecture with { ClassCount = 1 } },
            _ => _sound with { Architecture = _sound.Architecture with { Stages = 40 } },
        };
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ModelFile.Check(definition.Validate)).Message);
    }

    [Fact]
    public void A_definition_of_images_beyond_counting_is_refused()
    {
        ImageClassifierDefinition huge =
            _sound with { Architecture = _sound.Architecture with { Shape = new ImageShape(4, 30_000, 30_000) } };
        Assert.Throws<InvalidDataException>(() => ModelFile.Check(huge.Validate));
    }
}
