namespace Module10.Jobs;

/// <summary>Work that takes turns: one training and one generation run at a time, so that nobody waits for a training to chat.</summary>
internal enum JobKind
{
    /// <summary>Seconds at most: images, answers, music.</summary>
    Generation,

    /// <summary>A training.</summary>
    Training,
}
