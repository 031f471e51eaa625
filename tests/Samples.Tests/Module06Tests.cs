using Microsoft.ML.Generative.Tests;
using Module06;
using Samples.Shared;

namespace Samples.Tests;

/// <summary>All sections, once, on a small made text; the tests look at what they computed and wrote.</summary>
public sealed class Module06Run : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Module06Run()
    {
        using var lesson = new Lesson(new SampleArguments("made", Quick: true, new SampleOutput(_folder.Path)));
        Tokens = TokensSection.Run(lesson);
        Training = TrainingSection.Run(lesson);
        Attention = AttentionSection.Run(lesson);
        Parts = PartsSection.Run(lesson);
        Decoding = DecodingSection.Run(lesson);
        Evaluation = EvaluationSection.Run(lesson);
        FineTuning = FineTuningSection.Run(lesson);
        Saving = SavingSection.Run(lesson);
        Transduction = TransductionSection.Run(lesson);
        Encoders = EncodersSection.Run(lesson);
        Images = Directory.GetFiles(_folder.Path, "*.png");

        using var chat = new StringWriter();
        Chat.Run(lesson.Tuned, new StringReader("say river\nsay 東\n\nsay crown\n"), chat);
        Conversation = chat.ToString();
    }

    internal TokensSection.Result Tokens { get; }

    internal TrainingSection.Result Training { get; }

    internal AttentionSection.Result Attention { get; }

    internal PartsSection.Result Parts { get; }

    internal DecodingSection.Result Decoding { get; }

    internal EvaluationSection.Result Evaluation { get; }

    internal FineTuningSection.Result FineTuning { get; }

    internal SavingSection.Result Saving { get; }

    internal TransductionSection.Result Transduction { get; }

    internal EncodersSection.Result Encoders { get; }

    public string[] Images { get; }

    public string Conversation { get; }

    public void Dispose() => _folder.Dispose();
}

public class Module06Tests(Module06Run run) : IClassFixture<Module06Run>
{
    [Fact]
    public void Every_file_is_an_image_with_something_on_it()
    {
        Assert.Equal(11, run.Images.Length);
        LessonFiles.AreImages(run.Images);
    }

    [Fact]
    public void The_lesson_names_every_image_and_no_other() => LessonFiles.AreNamed(run.Images, "Module06");

    [Fact]
    public void The_lesson_quotes_the_program_as_it_is() => LessonFiles.QuoteTheProgram("Module06");

    [Fact]
    public void A_larger_vocabulary_has_longer_tokens()
    {
        Assert.Equal(1, run.Tokens.CharacterBytes);
        Assert.True(run.Tokens.Trained[0].Bytes > 1);
        Assert.True(run.Tokens.Trained[^1].Bytes > run.Tokens.Trained[0].Bytes);
        Assert.Contains(" the", run.Tokens.Pieces);
    }

    [Fact]
    public void Training_starts_at_guessing_and_ends_below_counting_pairs()
    {
        Assert.InRange(run.Training.FirstLoss, run.Training.Uniform - 0.2, run.Training.Uniform + 0.2);
        Assert.True(run.Training.Validation < run.Training.Counted[1] - 0.5);
    }

    [Fact]
    public void Each_epoch_shows_a_sample()
    {
        Assert.True(run.Training.Samples.Count >= 3);
        Assert.All(run.Training.Samples, sample => Assert.StartsWith(TrainingSection.Prompt, sample));
        Assert.Equal(run.Training.Samples.Count, run.Training.Samples.Distinct().Count());
    }

    [Fact]
    public void No_head_attends_to_later_tokens()
    {
        Assert.Equal(0, run.Attention.LargestFuture);
        Assert.All(run.Attention.Previous.SelectMany(heads => heads), weight => Assert.InRange(weight, 0, 1));
    }

    [Fact]
    public void Rotary_positions_learn_faster_than_learned_ones() =>
        Assert.True(run.Parts.Losses["baseline"] < run.Parts.Losses["learned positions"] - 0.05);

    [Fact]
    public void Low_temperatures_repeat_known_words_and_high_ones_make_up_new_ones()
    {
        var temperatures = run.Decoding.Temperatures;
        Assert.True(temperatures[0.1].Known > temperatures[1.5].Known + 0.2);
        Assert.True(temperatures[0.1].Distinct < temperatures[1.5].Distinct - 0.1);
        Assert.True(run.Decoding.TopP.Known > temperatures[1].Known);
    }

    [Fact]
    public void Bits_per_byte_compare_models_and_perplexity_follows_from_the_loss()
    {
        var (characters, pairs) = (run.Evaluation.Characters, run.Evaluation.BytePairs);
        Assert.Equal(characters.Bytes, pairs.Bytes);
        Assert.True(pairs.Tokens < characters.Tokens / 2);
        // A token of several characters is harder to guess than one, even where the text is predicted as well.
        Assert.True(pairs.Perplexity > characters.Perplexity);
        Assert.InRange(pairs.BitsPerByte, 0.1, 3);
        Assert.InRange(run.Evaluation.Brotli, 0.1, 3);
        Assert.True(run.Evaluation.ShortStride < run.Evaluation.LongStride);
    }

    [Fact]
    public void The_model_learns_the_form_of_answers()
    {
        Assert.True(run.FineTuning.Before.Form < 0.1);
        Assert.True(run.FineTuning.Tuned.Form > 0.8);
        Assert.True(run.FineTuning.TunedLoss < run.FineTuning.ScratchLoss);
    }

    [Fact]
    public void A_head_learns_to_copy_the_letters_of_the_command() =>
        Assert.True(run.FineTuning.CopyingAfter > run.FineTuning.CopyingBefore + 0.05);

    [Fact]
    public void A_loaded_model_answers_as_the_saved_one()
    {
        Assert.NotEmpty(run.Saving.Before);
        Assert.Equal(run.Saving.Before, run.Saving.After);
    }

    [Fact]
    public void The_chat_answers_each_line_until_an_empty_one_and_survives_unknown_characters()
    {
        string[] answers = [.. run.Conversation.Split("FOOL> ").Skip(1)];
        Assert.Equal(2, answers.Length);
        Assert.Matches("^[A-Za-z]", answers[0]);
        Assert.StartsWith("(", answers[1]);
    }

    [Fact]
    public void An_encoder_fills_masks_with_words_that_fit_sees_both_sides_and_brings_texts_of_a_kind_together()
    {
        Assert.True(run.Encoders.Judgments >= 3);
        Assert.True(run.Encoders.Forward > 0.05);
        Assert.InRange(run.Encoders.BagOfWords, 0.4, 0.6);
        Assert.True(run.Encoders.Pretrained > 0.4);
        Assert.True(run.Encoders.SameTopic > 0.8);
    }

    [Fact]
    public void An_encoder_decoder_learns_two_tasks_at_a_time()
    {
        Assert.True(run.Transduction.LastLoss < run.Transduction.FirstLoss / 2);
        Assert.True(run.Transduction.Results >= run.Transduction.Programs);
        Assert.InRange(run.Transduction.GreedyRouge, 0.05, 1);
        Assert.InRange(run.Transduction.BeamRouge, 0.05, 1);
    }

    [Theory]
    [InlineData("7 3 + 2 *", 20)]
    [InlineData("3 dup * 4 -", 5)]
    [InlineData("1 2", null)]
    [InlineData("+", null)]
    [InlineData("1 x", null)]
    public void Programs_are_carried_out(string program, int? result) => Assert.Equal(result, Transduction.Execute(program));
}
