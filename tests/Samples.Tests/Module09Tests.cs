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
        Prompts = PromptSection.Run(lesson);
        Bias = BiasSection.Run(lesson);
        Filter = FilterSection.Run(lesson);
        Watermarks = WatermarkSection.Run(lesson);
        Provenance = ProvenanceSection.Run(lesson);
        Privacy = PrivacySection.Run(lesson);
        Deployment = DeploymentSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path, "*.png");
    }

    internal BaseSection.Result Base { get; }

    internal LoraSection.Result Lora { get; }

    internal RankSection.Result Ranks { get; }

    internal IReadOnlyList<QuantizationSection.Row> Formats { get; }

    internal SwitchingSection.Result Switching { get; }

    internal IReadOnlyList<PromptSection.Row> Prompts { get; }

    internal BiasSection.Result Bias { get; }

    internal FilterSection.Result Filter { get; }

    internal WatermarkSection.Result Watermarks { get; }

    internal ImageProvenance Provenance { get; }

    internal IReadOnlyList<PrivacySection.Row> Privacy { get; }

    internal DeploymentSection.Result Deployment { get; }

    public string[] Images { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module09Tests(Module09Run run) : IClassFixture<Module09Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(9, run.Images.Length);
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
        Assert.All(run.Formats.Skip(1), row => Assert.True(
            row.FileBytes < run.Formats[0].FileBytes * (row.Format == WeightFormat.BFloat16 ? 0.6 : 0.5), row.Format.ToString()));
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

    [Fact]
    public void Nobody_is_better_at_a_new_task_than_who_remembers_the_examples()
    {
        Assert.Equal([0, 1, 2, 4, 8], run.Prompts.Select(row => row.Examples));
        Assert.All(run.Prompts, row => Assert.True(row.New <= Tasks.BestAccuracy(row.Examples) + 0.25, $"{row}"));
    }

    // 1 − (3/4)ᵏ of the questions were shown, and one of 26 letters is right by chance.
    [Fact]
    public void The_best_accuracy_is_that_of_who_remembers_the_examples()
    {
        Assert.Equal(1.0 / 26, Tasks.BestAccuracy(0), 12);
        Assert.Equal(0.25 + 0.75 / 26, Tasks.BestAccuracy(1), 12);
        Tasks.Sheet[] sheets = [.. Tasks.Questions("new", 4, 4_000, seed: 1)];
        double shown = sheets.Average(s => s.Prompt[..^2].Contains(s.Prompt[^2..], StringComparison.Ordinal) ? 1.0 : 0);
        Assert.Equal(1 - Math.Pow(0.75, 4), shown, 0.03);
        Assert.All(sheets, s => Assert.Equal(1, s.Answer.Length));
    }

    [Fact]
    public void Swapped_sentences_make_every_job_one_of_both_and_keep_the_perplexity()
    {
        string[] sentences = People.Write(6_000, seed: 1), both = [.. sentences, .. sentences.Select(People.Swap)];
        Assert.All(People.Jobs, job =>
        {
            Assert.Equal(job.Value, ShareOfWomen(sentences, job.Key), 0.1);
            Assert.Equal(0.5, ShareOfWomen(both, job.Key), 1e-12);
        });
        Assert.InRange(run.Bias.After.PerplexityOfThings / run.Bias.Before.PerplexityOfThings, 0.8, 1.25);
        Assert.Equal("ben is a nurse and likes his bread.", People.Swap("anna is a nurse and likes her bread."));
        Assert.Equal("there is a letter.", People.Swap("there is a letter."));
        Assert.Equal(10, run.Bias.Before.Ratios.Count);

        static double ShareOfWomen(string[] sentences, string job) => sentences
            .Where(s => s.Contains($"the {job} said that", StringComparison.Ordinal))
            .Average(s => s.Contains(" she ", StringComparison.Ordinal) ? 1.0 : 0);
    }

    [Fact]
    public void The_filter_lets_no_more_rude_answers_pass_than_there_were()
    {
        Assert.True(run.Filter.RudeAfter <= run.Filter.RudeBefore);
        Assert.InRange(run.Filter.Recall, 0.8, 1);
        Assert.InRange(run.Filter.FalseAlarms, 0, 0.1);
    }

    [Fact]
    public void A_stronger_watermark_has_a_higher_score_and_people_have_none()
    {
        double[] scores = [.. run.Watermarks.Rows.Select(row => row.Scores.Average())];
        Assert.InRange(scores[0], -1.5, 1.5);
        Assert.True(scores[2] > 2 && scores[3] > 4 && scores[3] > scores[2], string.Join(", ", scores));
        Assert.InRange(run.Watermarks.FalsePositives.Above4, 0, 0.02);
        Assert.True(run.Watermarks.Edited[^1].Score < run.Watermarks.Edited[0].Score);
    }

    [Fact]
    public void Image_files_say_where_they_come_from() => Assert.Equal(
        (ImageProvenance.TrainedAlgorithmicMedia, "digits-vae of module 9", 4),
        (run.Provenance.DigitalSourceType, run.Provenance.Model, run.Provenance.Seed));

    [Fact]
    public void What_was_inserted_often_is_exposed()
    {
        Assert.Equal([0, 1, 4, 16], run.Privacy.Select(row => row.Times));
        Assert.True(run.Privacy[3].Exposures.Average() > run.Privacy[0].Exposures.Average());
    }

    [Fact]
    public void The_deployed_file_generates_what_the_model_does() => Assert.True(run.Deployment is { IsSame: true, Bytes: > 10_000 });
}
