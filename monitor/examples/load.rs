fn main() {
    let r = interlock::probes::Probes::load(&interlock::probes::Options{cgroup:"/sys/fs/cgroup/unified".into(),pins:None});
    match r { Ok((mut p,_u)) => { println!("ok {:?}", p.attached().len()); println!("{:?}", p.follow_flows(true)); let t=std::time::Instant::now(); println!("{:?}", p.follow_flows(false)); println!("{:?}",t.elapsed()); let n=p.lifecycle.drain(1000,|r| println!("{}", format!("{r:?}").chars().take(200).collect::<String>())); println!("{n}")},
      Err(e)=>{ let mut e:Option<&dyn std::error::Error>=Some(&e); while let Some(x)=e { let s=format!("{x}"); let l=s.len(); println!("{}", if l>6000 { format!("{}....{}",&s[..300],&s[l-5000..]) } else {s}); e=x.source(); } } }
}
