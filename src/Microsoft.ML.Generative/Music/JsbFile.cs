namespace Microsoft.ML.Generative.Music;

/// <summary>A file of the JSB Chorales.</summary>
public enum JsbFile
{
    /// <summary>Steps of a sixteenth note, with the four voices apart: <c>Jsb16thSeparated.json</c>.</summary>
    SixteenthVoices,

    /// <summary>Steps of a sixteenth note: <c>jsb-chorales-16th.json</c>.</summary>
    Sixteenth,

    /// <summary>Steps of an eighth note: <c>jsb-chorales-8th.json</c>.</summary>
    Eighth,

    /// <summary>Steps of a quarter note, the file that published likelihoods are of: <c>jsb-chorales-quarter.json</c>.</summary>
    Quarter,
}
