using Microsoft.ML.Data;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What the conversions of music promise, as every estimator of the library does; there is nothing to train.</summary>
public sealed class MusicTransformTests
{
    private static readonly PianoRoll _roll = new() { Steps = 8, StepsPerQuarter = 2, Lowest = 48, Highest = 72, MarksStarts = true };

    private readonly MLContext _ml = new(seed: 1);

    private IDataView Data => _ml.ToRows(Pieces.Chorales(37, 4));

    public static TheoryData<string> Kinds => ["text", "roll"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_schema_promised_is_what_is_delivered(string kind)
    {
        SchemaShape promised = Schema(kind, SchemaShapes.Of(Data.Schema));
        using var model = Fit(kind, Data) as IDisposable;
        SchemaShape delivered = SchemaShapes.Of(((ITransformer)model!).Transform(Data).Schema);
        Assert.Equal(
            promised.Select(c => (c.Name, c.Kind, c.ItemType.ToString())).Order(),
            delivered.Select(c => (c.Name, c.Kind, c.ItemType.ToString())).Order());
        Assert.Same(Data.Schema.GetType(), ((ITransformer)model).GetOutputSchema(Data.Schema).GetType());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_column_that_is_missing_or_no_music_is_named(string kind)
    {
        IDataView missing = _ml.Transforms.DropColumns("Music").Fit(Data).Transform(Data);
        IDataView text = _ml.Transforms.CopyColumns("Music", "Name").Fit(missing).Transform(missing);
        ITransformer model = Fit(kind, Data);
        foreach ((IDataView data, string message) in ((IDataView, string)[])[
            (missing, "Column 'Music' is missing"), (text, "Column 'Music' has type")])
        {
            foreach (Action attempt in (Action[])[
                () => Fit(kind, data), () => Schema(kind, SchemaShapes.Of(data.Schema)), () => model.Transform(data)])
                Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(attempt).Message);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Passes_cursors_and_the_saved_model_agree(string kind)
    {
        IDataView data = Data;
        ITransformer model = Fit(kind, data);
        IDataView output = model.Transform(data);
        List<object?[]> rows = Rows.Read(output);
        Assert.Equal(37, rows.Count);
        Rows.AssertEqual(rows, Rows.Read(output), 0);
        Assert.Equal(37, output.Preview(100).RowView.Length);
        Parallel.For(0, 4, _ => Rows.AssertEqual(rows, Rows.Read(output), 0));

        using var file = new MemoryStream();
        _ml.Model.Save(model, null, file);
        file.Position = 0;
        ITransformer loaded = new MLContext().Model.Load(file, out _);
        Rows.AssertEqual(rows, Rows.Read(loaded.Transform(data)), 0);
        Assert.True(loaded.IsRowToRowMapper);

        ((IDisposable)model).Dispose();
        Assert.Throws<ObjectDisposedException>(() => Rows.Read(output));
    }

    [Fact]
    public void Rows_hold_the_words_and_the_images_of_their_pieces()
    {
        NoteSequence[] pieces = Pieces.Chorales(5, 4);
        using MusicToTextTransformer text = _ml.Transforms.Generative()
            .MusicToText("Text", "Music", MusicTokens.Voices(1)).Fit(_ml.ToRows(pieces));
        Assert.Equal(pieces.Select(MusicTokens.Voices(1).Encode), text.Transform(_ml.ToRows(pieces)).GetColumn<string>("Text"));
        Assert.Equal(1, text.Tokens.StepsPerQuarter);

        using MusicToPianoRollTransformer roll = _ml.Transforms.Generative()
            .MusicToPianoRoll("Image", "Music", _roll).Fit(_ml.ToRows(pieces));
        IDataView images = roll.Transform(_ml.ToRows(pieces));
        Assert.Equal([2, 25, 8], ((VectorDataViewType)images.Schema["Image"].Type).Dimensions.ToArray());
        Assert.Equal(pieces.Select(_roll.Encode), images.GetColumn<float[]>("Image"));
        Assert.Equal(_roll, roll.Roll);
    }

    [Fact]
    public void A_piece_that_the_words_lack_is_named_by_its_row()
    {
        IDataView data = _ml.ToRows([Pieces.Melody(480, 60), Pieces.Melody(480, 120)]);
        using MusicToTextTransformer model = _ml.Transforms.Generative().MusicToText("Text", "Music", MusicTokens.PianoRoll()).Fit(data);
        Exception error = Assert.ThrowsAny<Exception>(() => model.Transform(data).GetColumn<string>("Text").Count());
        Assert.Contains("Row 1 of column 'Music'", (error.InnerException is InvalidDataException inner ? inner : error).Message);
    }

    [Fact]
    public void A_piano_roll_is_an_image_of_pitches_and_steps()
    {
        var roll = new PianoRoll { Lowest = 60, Highest = 64, Steps = 4, StepsPerQuarter = 2 };
        NoteSequence piece = new(480, [new Note(64, 0, 480), new Note(60, 240, 240), new Note(62, 720, 960), new Note(70, 0, 240)]);
        Assert.Equal(
            [
                1, 1, 0, 0,
                0, 0, 0, 0,
                0, 0, 0, 1,
                0, 0, 0, 0,
                0, 1, 0, 0,
            ], roll.Encode(piece));
        Assert.Equal(
            [(64, 0L, 480L), (60, 240L, 240L), (62, 720L, 240L)],
            roll.Decode(roll.Encode(piece)).Notes.Select(note => (note.Pitch, note.Start, note.Duration)));

        // Repeated notes stay apart only where their starts are marked.
        NoteSequence repeated = Pieces.Melody(240, 60, 60, 62);
        Assert.Equal(repeated, (roll with { MarksStarts = true }).Decode((roll with { MarksStarts = true }).Encode(repeated)));
        Assert.Equal([(60, 480L), (62, 240L)], roll.Decode(roll.Encode(repeated)).Notes.Select(note => (note.Pitch, note.Duration)));

        // A melody is its highest notes, and its most probable pitches.
        PianoRoll melody = roll with { IsMelody = true };
        Assert.Equal([64, 64, 60], new[] { 0, 1, 3 }.Select(step => step == 3 ? 60 : melody.Encode(piece)[step] == 1 ? 64 : 0));
        Assert.Equal(0, melody.Encode(piece)[4 * 4 + 1]);
        float[] uncertain = new float[20];
        (uncertain[0], uncertain[4], uncertain[8]) = (0.2f, 0.4f, 0.1f);
        uncertain[1] = 0.4f;
        Assert.Equal([(63, 0L, 240L)], melody.Decode(uncertain).Notes.Select(note => (note.Pitch, note.Start, note.Duration)));
        Assert.Contains("3 values; expected 1 × 5 × 4", Assert.Throws<ArgumentException>(() => roll.Decode(new float[3])).Message);
    }

    private ITransformer Fit(string kind, IDataView data) => kind == "text"
        ? _ml.Transforms.Generative().MusicToText("Text", "Music", MusicTokens.Events()).Fit(data)
        : _ml.Transforms.Generative().MusicToPianoRoll("Image", "Music", _roll).Fit(data);

    private SchemaShape Schema(string kind, SchemaShape input) => kind == "text"
        ? _ml.Transforms.Generative().MusicToText("Text", "Music", MusicTokens.Events()).GetOutputSchema(input)
        : _ml.Transforms.Generative().MusicToPianoRoll("Image", "Music", _roll).GetOutputSchema(input);
}
