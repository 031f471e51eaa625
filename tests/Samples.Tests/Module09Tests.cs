using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tests;
using Module09;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, on small made texts; the tests look at what they computed and wrote.</summary>
public sealed class Module09Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module09Run()
    {
        using var lesson = new Lesson(new SampleArguments("made", Quick: true, new SampleOutput(_folder.Path)));
        Base = BaseSection.Run(lesson);
        Lora = LoraSection.Run(lesson);
        Ranks = RankSection.Run(lesson);
        Formats = QuantizationSection.Run(lesson);
        Switching = SwitchingSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path, "*.png");
    }

    internal BaseSection.Result Base { get; }

    internal LoraSection.Result Lora { get; }

    internal RankSection.Result Ranks { get; }

    internal IReadOnlyList<QuantizationSection.Row> Formats { get; }

    internal SwitchingSection.Result Switching { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module09Tests(Module09Run run) : IClassFixture<Module09Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(4, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module09");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module09");

    [Fact]
    public void Adapters_learn_the_style_with_few_parameters_and_leave_the_base_as_it_is()
    {
        Assert.True(run.Lora.BaseIsUnchanged);
        LoraSection.Way full = run.Lora.Ways[0];
        Assert.Equal(1, full.Share);
        Assert.All(run.Lora.Ways.Skip(1), way =>
        {
            // A rank of 32 is half of the small model's width.
            Assert.InRange(way.Share, 0.001, way.Name.Contains("rank 32", StringComparison.Ordinal) ? 0.8 : 0.3);
            Assert.True(way.Style < run.Base.Names / 2, $"{way.Name}: {way.Style}");
            Assert.True(way.SavedBytes < full.SavedBytes && way.TrainingBytes < full.TrainingBytes, way.Name);
        });
        // All layers have more parameters than queries and values, and learn more with them.
        Assert.True(run.Lora.Ways[2].Style < run.Lora.Ways[1].Style);
    }

    [Fact]
    public void A_higher_rank_of_all_layers_learns_more() =>
        Assert.True(run.Ranks.Ranks[^1].All < run.Ranks.Ranks[0].All);

    [Fact]
    public void Fewer_bits_are_smaller_and_nearly_as_good()
    {
        Assert.Equal(WeightFormat.Float32, run.Formats[0].Format);
        Assert.All(run.Formats.Skip(1), row => Assert.True(row.FileBytes < run.Formats[0].FileBytes / 2, row.Format.ToString()));
        Assert.All(run.Formats, row => Assert.InRange(row.Perplexity / run.Formats[0].Perplexity, 0.98, 1.1));
        Assert.All(run.Formats, row => Assert.True(row.Adapted < run.Base.Names / 2));
    }

    [Fact]
    public void Rows_have_the_texts_of_their_adapters_alone()
    {
        Assert.Equal(run.Switching.AloneTexts, run.Switching.RowTexts);
        Assert.Equal(6, run.Switching.RowTexts.Distinct().Count());
    }

    [Fact]
    public void A_mixture_leans_to_the_adapter_of_the_greater_weight()
    {
        var mixes = run.Switching.Mixes;
        Assert.True(mixes[0].Names < mixes[^1].Names);
        Assert.True(mixes[^1].Telegrams < mixes[0].Telegrams);
        Assert.InRange(run.Switching.MergedDifference, 0, 1e-3);
    }
}
